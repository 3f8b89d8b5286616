package dictionary

import "strings"

// meaning is what a word says about names that stand near it, and about its text.
type meaning struct {
	weight weight
	hint   hint // type of thing that it names: "gang" an Adversary
	role   role
}

// is says whether a word has a role.
func (m meaning) is(r role) bool { return m.role&r != 0 }

// isKind says whether a word names a kind of thing, not one.
func (m meaning) isKind() bool { return m.hint != 0 || m.is(kindOfThing) }

// weight is how much a word speaks for malware and adversaries.
type weight int8

const (
	weak   weight = 1 // also said of other things: group, server, hit
	medium weight = 2 // more often said of attacks than not: gang, infected, payload
	strong weight = 3 // hardly said of anything else: ransomware, exfiltrated
)

// hint is one more than an index into Types; 0 for none.
type hint uint8

func hintAt(kind string) hint {
	for i, t := range Types {
		if t == kind {
			return hint(i + 1)
		}
	}
	return 0
}

// kind returns the type that is hinted at; "" for none.
func (h hint) kind() string {
	if h == 0 {
		return ""
	}
	return Types[h-1]
}

// role is a set of what a word may be.
type role uint16

const (
	daily       role = 1 << iota // a word of daily use, or a name of people and places
	uncommon                     // a word that few say
	function                     // says nothing: the, was, later
	elsewhere                    // of another world than security: choir, recipe, goalkeeper
	thingAfter                   // behind a name it makes a place, a company or another thing of it: street, museum, GmbH
	company                      // behind any name: Regin AB
	titleFront                   // before a name it makes a person or another thing of it: Mr, Saint, hotel
	determiner                   // behind a name it makes a verb of it: play the, snake your
	nation                       // a capital word that says nothing: Russian, Chinese
	kindOfThing                  // no name at all, though dictionaries list it as one: phishing
	attached                     // behind a hyphen it goes with names: -linked, -based
)

// meanings are the words with a meaning, in lower case.
func meanings() map[string]meaning {
	all := map[string]meaning{}
	put := func(m meaning, words string) {
		for _, w := range strings.Fields(words) {
			have := all[w]
			have.weight, have.role = max(have.weight, m.weight), have.role|m.role
			if have.hint == 0 {
				have.hint = m.hint
			}
			all[w] = have
		}
	}
	put(meaning{role: uncommon}, uncommonWords)
	put(meaning{role: daily}, dailyWords)
	put(meaning{role: daily}, personsAndPlaces)
	put(meaning{role: daily | function}, functionWords)
	for _, w := range securityWords {
		put(meaning{weight: w.weight, hint: hintAt(w.kind)}, w.words)
	}
	for _, words := range otherWorlds {
		put(meaning{role: elsewhere}, words)
	}
	put(meaning{role: thingAfter}, thingsAfter)
	put(meaning{role: titleFront}, titlesBefore)
	put(meaning{role: company}, "gmbh inc ltd llc ag kg corp plc srl ab oy bv nv kk sarl pty")
	put(meaning{role: determiner}, "the a an your our my his her its their this these those video audio")
	put(meaning{role: nation}, `russian chinese iranian korean north south vietnamese ukrainian belarusian indian pakistani israeli american turkish lebanese
		syrian european prolific notorious infamous new nation the a`)
	put(meaning{role: kindOfThing}, `phishing spam malspam script scripts shell attack attacks threat threats security exploit server hash credentials
		breach extortion ransom persistence exfiltration infection intrusion injection encryption espionage sabotage surveillance fraud theft blackmail`)
	put(meaning{role: attached}, "linked based affiliated related like style as branded associated backed run nexus")
	return all
}

// securityWords speak for names.
var securityWords = []struct {
	weight weight
	kind   string // what stands beside it: a type, or ""
	words  string
}{
	{strong, Malware, `malware ransomware ransomwares trojan trojans backdoor backdoors botnet botnets stealer stealers infostealer infostealers
		wiper wipers rootkit rootkits bootkit keylogger keyloggers spyware cryptominer cryptominers adware webshell webshells shellcode
		Schadsoftware Erpressungstrojaner Verschlüsselungstrojaner Hintertür rançongiciel maliciel вредоносное malwares`},
	{medium, Malware, `loader loaders dropper droppers downloader implant implants payload payloads worm worms miner miners virus
		rat rats bot bots`},
	{strong, Adversary, "apt adversary adversaries hackers cybercriminals cybercriminal cybercrime cyberespionage"},
	{medium, Adversary, "affiliate affiliates gang gangs hacker attacker attackers intruder intruders hacktivists"},
	{strong, AttackPattern, "ttp ttps att subtechnique subtechniques mitre"},
	{medium, AttackPattern, "technique techniques tactic tactics"},
	{strong, Vulnerability, "vulnerability vulnerabilities cve rce cvss"},
	{medium, Vulnerability, "exploit exploits exploited exploiting exploitation vulnerable"},
	{strong, "", `c2 exfiltrate exfiltrated exfiltrates exfiltrating exfiltration encryptor decryptor spearphishing spearphish ioc iocs yara
		keylogging malspam beaconing antivirus edr xdr siem lsass ntlm krbtgt kerberos hxxp hxxps teamserver teamservers
		phishing cyberattack cyberattacks cybersecurity sideloading opsec decryption sandboxed virustotal cisa csirt ransomed`},
	{medium, "", `phishing beacon beacons espionage ransom extortion extorted lateral laterally persistence intrusion intrusions compromised compromise infected infects
		infection infections infecting malicious obfuscated obfuscation breach breached breaches cyber exfil injects injected injection leaked leaks
		encrypts encrypting encrypted encryption credentials credential hash hashes hashed botmaster esxi smb rdp ldap decrypt decrypted
		dll exe ps1 vbs lnk hta cmd macro macros firewall soc cert indicators indicator attribution attributed forensics forensic forensically
		sinkhole sinkholed mutex mutexes overlay overlays deface defaced ddos`},
	{weak, Malware, "locker lockers banker bankers strain strains sample samples"},
	{strong, "", `raas ntds rundll regsvr mshta wscript cscript stager stagers hashdump
		threatintel cyberangriff Schadprogramm Schadcode Infostealer Erpressergruppe Sicherheitslücke Cyberkriminelle Trojaner`},
	{medium, "", `tradecraft sideload decoy decoys weaponized weaponised poc tor leaksite negotiator negotiators suricata sigma snort sha md iso onenote
		gru fsb svr pyongyang dprk spear phish phished phishes quarantined persist persists stealthily mfa adfs fortios sonicwall ivanti fortinet
		citrix vmware sharepoint qnap barracuda moveit confluence openssl samba netlogon cryptocurrency ransomnote unencrypted
		verschlüsselt infiziert kompromittiert ausgenutzt Zugangsdaten Kampagne Angriffskampagne`},
	{weak, Adversary, "group groups actor actors team crew operators operator collective syndicate spies subgroup cluster clusters"},
	{weak, Campaign, "campaign campaigns operation"},
	{weak, Tool, "tool tools toolkit framework frameworks utility kit kits builder"},
	{weak, Vulnerability, "flaw flaws bug unpatched patched patch mitigations mitigation nickname"},
	{weak, "", `powershell shell shells encoded command commands dropped drops deployed deploys deploying deploy delivered delivers downloads downloaded installs installed loads loaded
		sample samples variant variants family families victim victims attack attacks attacked threat threats stolen steals steal stealing stole
		encrypt leak server servers module modules script scripts host hosts network networks security panel infrastructure tracked
		detection detections detected activity plugin process registry executes executed execution executable harvested harvests targeted targeting targets
		uploads uploaded implanted listener listeners agent tunnel tunnels proxy socks vpn admin domain controller controllers directory hypervisor
		linux windows mailbox mailboxes gateway attachment attachments iframe javascript binary binaries library kernel preload
		lure lures lured email sender spam impersonates impersonated impersonating password passwords cookies token tokens keys keychain session
		incident incidents alert alerts analyst analysts investigators researchers researcher report reports bulletin advisory advisories tlp
		hunt hunting blocklist blocklists block blocked detect telemetry endpoint endpoints response log logs logged remote
		hit hits claimed claims listed stealth stealthy covert post posts site sites seized takedown arrested indicted sanctions sanctioned
		fbi nsa nsc wallet wallets bitcoin negotiations shadow copies backups backup quarantine playbook rule rules signature signatures
		abuse abuses abused abusing tampered bypass bypasses bypassed overwrites wiped wipes forged forges dumps dumped dumping cracked
		crypto blackmail theft thieves fraud surveillance dissidents journalists ministries ministry agencies government governments military
		sabotage critical infrastructure scada ics plc substation substations utilities vendor vendors appliances router routers
		Gruppe Angriff Angriffe Angreifer Opfer gestohlen erbeutet groupe attaque attaques Schwachstelle Lücke`},
}

// otherWorlds are words that are seldom said where malware is meant. They speak
// against names near them, and against their text.
var otherWorlds = []string{
	// cooking and drinks
	`recipe recipes oven dough butter sugar flour salad soup sauce dessert cheese chocolate cocktail cocktails beer wine wines gin whisky rum brewery
	   chef chefs cuisine lunch dinner breakfast supper bakery delicious tasty grilled baked roasted almonds vanilla cinnamon lemon
	garlic onions tomatoes potatoes sandwich cake cakes tea coffee vineyard vineyards tasting spices herbs rice noodles`,
	// sport
	`football soccer goalkeeper striker midfielder midfield referee coach coached halftime penalty league cup stadium championship
	champion champions tournament medal medals olympic olympics marathon sprint cyclist cycling tennis golf rugby cricket baseball
	basketball hockey handball volleyball swimmer swimming skiing skier races horse horses jockey trainer winger fans derby scored
	scorer pitcher innings inning batter quarterback touchdown playoffs goalless equaliser equalizer goals chess grandmaster checkmate judo sailing
	squad substitute dribble header kick lap laps podium regatta boxing boxer wrestler greyhound stallion mare bridle athlete athletes `,
	// stage, film, music, books, games
	`film films movie movies cinema director actress actresses sequel trilogy premiere screening theatre theater opera ballet concert concerts
	orchestra choir choirs soprano tenor pianist violin guitar drummer drums singer singers band album albums song songs lyrics chorus 
	novelist poet poem poems poetry fiction saga comic comics manga anime cartoon superhero marvel museum museums exhibition exhibitions
	gallery sculpture sculptures painting paintings painter statue fresco marble bronze audience applause rehearsal rehearsals festival encore
	playlist episode episodes season seasons netflix imax animated animation dancers dancer dance dancing piano quartet symphony composer
	composed jazz punk vinyl gamer gamers gaming arcade dungeon multiplayer playstation xbox
	nintendo puzzle puzzles jigsaw dice boardgame toy toys kids toddler toddlers carnival costume costumes masks lego`,
	// animals, plants, weather, outdoors
	`zoo zookeeper bee bees beekeeper beekeepers honey larva larvae insect insects butterfly butterflies beetle beetles moth moths 	bird birds nest nests feathers wildlife species genus habitat pond ponds meadow meadows shrub shrubs hedge flower flowers
	blossom blossoms petals stems seeds soil garden gardens gardener gardening lawn compost prune pruning orchard orchards mushrooms
	rash itch venomous antivenom terrarium reptile reptiles snakes puppy puppies kennel poodle terrier hound hounds leash stray kitten kittens paws
	fur hamster veterinarian vet whale whales dolphin dolphins fish fishing angler anglers aquarium tortoise turtles frog frogs toads 
	rain rainfall snowfall forecast forecasts gale gusts hail thunderstorm hurricane flood floods heatwave drought sunshine beach beaches hikers hiker
	hiking trail trails summit glacier glaciers dunes volcano volcanic reef coral tide tides`,
	// science
	`planet planets moon moons galaxy galaxies telescope telescopes comet orbit orbits astronomer astronomers astronomy asteroid asteroids quasar
	nebula constellation spacecraft isotope isotopes atom atoms atomic molecule molecules chemistry chemist chemists periodic oxide
	oxides alloy alloys catalyst catalysts protein proteins enzyme enzymes biology biologist biologists
	botanist botany fossil fossils dinosaur dinosaurs mathematics geometry theorem physicist physicists physics emissions 	warming greenhouse`,
	// church, family, history, myth
	`church churches chapel parish hymn hymns priest bishop pope prayer prayers bible biblical gospel monastery monk monks temple temples
	funeral mourn mourns mourning obituary hospice grandchildren wedding weddings bride groom birthday birthdays christening baptism
	god gods goddess myth myths mythology mythical legend legends hero heroes pharaoh emperor emperors napoleonic medieval roman
	dynasty century centuries soldier soldiers regiment infantry battalion trench trenches navy naval frigate frigates submarine submarines missile
	missiles gunship sailors sailor tanker ferry ferries troops`,
	// shop, house, travel, work
	`discount discounts coupon coupons euros bargain sizes colours colour colors cotton leather jewellery jewelry earrings earring
	necklace necklaces pendant pendants bracelet bracelets brooch brooches perfume perfumes fragrance lipstick shampoo fashion 	wardrobe sofa sofas furniture carpet rug rugs curtains lamp lamps kitchen bathroom bedroom bicycle bicycles bike bikes motorcycle motorcycles
	car cars vehicle tyres tires brakes horsepower dealership flights cruise cruises holiday holidays vacation tourist
	itinerary departure sunset excursion excursions snorkelling backpack hostel tourists tour tours sightseeing passport passports visa visas beachfront resort spa lease landlord apartment apartments
	depot shipment shipments courier couriers plumber plumbing drains carpenter carpentry woodwork dovetails mallet hammer screws bolt bolts gasket gaskets valve valves clamp clamps
	gear gears drill drills brushes washers bearing bearings hinge hinges salary vacancy pension ambulance
	paramedic paramedics firefighter firefighters crane cranes raffle lottery prize prizes winners voucher vouchers`,
	// health
	`vaccine vaccines surgery surgeon surgeons tumour tumor therapy therapist diagnosis symptoms dose doses vitamin vitamins fever allergy allergies
	dentist dental midwife nurse nurses asthma pollen`,
	// politics, business
	`parliament senate prime minister ministers mayor premier coalition dividend dividends shareholder shareholders
	election elections voters ballot ballots rally candidate candidates turnover merger mergers profit profits bonds stocks exports tonnes acres livestock cattle sheep`,
}

// thingsAfter make something else of a name before them.
const thingsAfter = `street avenue road lane square boulevard bridge museum corporation co sa university college school
	hotel club fc cf united stadium church cathedral palace theatre theater airlines airways bank holdings partners foundation institute
	hospital infirmary restaurant cafe river lake mountain island islands park airport station dioxide monoxide copy copies fiber fibre footprint tax
	credit credits emissions emission neutral neutrality offsets dating paper steel trading market offset accounting button store music list
	strategy state building games movie film novel album song band orchestra festival records caribbean mail navy family highness college
	mode theory league player players pause stars awards war wars style bakery kitchen farm winery wine beer engine aircraft jet project
	straße strasse platz verlag museum brücke kirche universität county city town valley beach bay tower mall clinic pharmacy effect
	metastore tables table query queries connector monkey mesh engineering hall arena bar cards faire hills forest garden gardens
	statue fountain moon missile missiles footballer jr senior opera ballet choir tea coffee cocktail sandwich roll lounge
	salon spa resort cruise cruises trip tours travel airline motors motor car cars bike bikes router routers oven ovens mouse pens pen
	earrings necklace brooch pendant perfume shampoo furniture lamps lamp quilts nests nest larvae larva bees queen antivenom
	handlers puppies dog dogs cat cats horse horses cup trophy medal prize scholarship professor lecture lectures course courses exam
	cartoon anime manga comics comic edition soundtrack trailer sequel fans fan mining ore oxide alloy mine mines
	gas treaty convention church parish street mall boulevard tools hive honey health bakery rewards weekend
	generator battery batteries pads tanker yacht frigate gunship bridge layer unicorn`

// titlesBefore make something else of a name behind them.
const titlesBefore = `mr mrs ms miss dr prof professor sir lady saint st san santa herr frau kollege kollegin monsieur madame signor signora senator
	president minister captain director king queen prince princess brother sister uncle aunt dear hello hi lieber liebe hotel restaurant cafe lake mount
	river street city museum villa western eastern northern southern central republic kingdom isle bay province via piazza rue calle hotels biblical low zero reduce activated
	anna maria sofia julia laura diana emma alice bob carl david felix max victor viktor boris ivan igor natasha olga peter paul john mary ruth
	james robert michael william thomas mark andrea paolo paola giuseppe francesco luigi bruno hans klaus jean pierre luis carlos ahmed ali yuki wei
	denis karin katja martin stefan sven lars erik eric george henry jack harry tom sam ben daniel simon andrew steven susan sarah linda lisa eva
	model invoice part room gate flight article order serial sku bus tram printer printers ticket tickets issue item items gear spur valve drill
	moon planet galaxy asteroid crater mission film movie novel opera ballet song album band singer actress painter composer poet saint god goddess titan
	hero ship tanker ferry frigate submarine hms uss yacht horse mare stallion dog cat pony kitten tiger hamster colleague cousin friend coach striker
	goalkeeper mayor tenor pianist thermostat perfume brand beer cocktail restaurant bar pub village town province toyota apache amazon lego
	missile genus mass requiem statue bust exhibition fans lawyer notary ask contact thank thanks welcome invite mathematician author writer character characters`

// functionWords say nothing, with or without a capital.
const functionWords = `later earlier most other others older newer both each every all any no not only even still just then thus there here where
	when while whereas although though because since until unless if but so yet nor from with without within into onto over under after before
	between among against during through across behind beside besides despite except for in on at by of off to up down out as like unlike via per
	who whom whose which what why how whether that than such same very more less few many much some several another one two three four five six seven
	eight nine ten once twice again also too often never ever always already soon now today yesterday tomorrow tonight last next first second third
	is are was were be been being has have had do does did done can could will would shall should may might must let get got make made makes
	said says say see seen saw use used uses using find found show shows shown run runs ran call called calls named name names known
	i me you he him she it we us they them my your his her its our their mine yours ours theirs this these those the a an and or
	der die das den dem des ein eine einer eines einem einen und oder von mit für auf aus bei nach zu zur zum im am ist sind war waren wird wurde
	wurden nicht auch sich les des une est dans pour avec par sur qui que et ou du de la le los las del una por con para su sus
	monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october november december
	brought bought sold caught threw drew spoke chose gave sought fought taught stood paid shot cut put read meant slept drove flew grew knew blew rang
	sang swam froze stole tore wore rose woke drank ate built dealt bent spent fed bled bred sped slid spun hung dug struck swung
	ran took came hid left broke wrote began went fell kept told sent met won lost led held`

// personsAndPlaces are names that malware and adversaries share with the world.
const personsAndPlaces = `conti lazarus akira petya carbon empire misha mischa zeus hydra apollo athena atlas hermes medusa
	pandora titan olympus phoenix andromeda gandalf matrix morpheus loki thor odin fenrir hades nemesis orion ares pegasus hercules achilles
	ajax troy spartacus cerberus anubis osiris isis horus ra sphinx pharaoh cleopatra caesar nero augustus shiva vishnu kali ganesh
	dharma karma maya inca aztec samurai ninja shogun sakura kimono tokyo kyoto paris london berlin vienna rome milan madrid moscow kiev
	volga danube nile amazon everest alps mercury venus earth mars jupiter saturn uranus neptune pluto luna sol terra nova aurora ursula
	joker batman robin superman dracula frankenstein godzilla kong mirage sierra tango victoria elizabeth charlotte jasmine rose lily daisy
	iris violet ruby amber jade crystal pearl diamond emerald sapphire opal gustav gustaf rex leo luca marco enzo bruno lyceum elise
	dante fargo cosmo gravity magnus merlin arthur avalon camelot excalibur romeo juliet hamlet othello macbeth denis 
	trinity cuba ragnar quantum vice cactus medusa snatch noname babel sodom eden judas adam eva noah moses ryuk sandworm
	elderwood naikon helix rana andariel scarlet lilith domino crimson fox kittens`

// dailyWords are words that are in use in mail of every kind. A name that is made of
// nothing else counts only where something speaks for it.
// uncommonWords are words too, seldom written: a name of them needs less evidence.
const uncommonWords = `gallium barium chromium thallium phosphorus hafnium strontium rubidium promethium krypton iridium holmium actinium nobelium
	seaborgium dubnium zirconium polonium radium cesium caesium lithium beryllium vanadium tantalum osmium bismuth thorium cadmium selenium
	tellurium sofacy trigona stormous mallox killsec raworld ursnif dorkbot nidiran orz helminth misdat catchamas derusbi wiarp pupy sality
	boostwrite speculoos suckfly molerats turla dyre ramnit clop amadey astaroth comfoo gallmaker sandworm cerber tonto rhysida karakurt vidar`

const dailyWords = `a about above access account accounts action active activity add additional address admin after agent agents air alert
	all alpha alternate analysis and angel ant any apple application applications april area arm army around arrow ash at attachment
	audio august automated autumn avenger axe baby back background bad bank bar base basic bat bazar beach beacon bear bee behind bell below
	beta big binary bird birds bishop bit bits bitter black blade blind blizzard block blood blue board body bold bomb bone book boot border
	bot bottle bounce box brain branch brave bread break breaker bridge bright broad broken brown browser bug build bull bumblebee burn bus
	bush business butterfly by cache calendar call camel can candy cannon capture car card care cart case castle cat catalog center central
	chain chair challenge chamber change channel chaos charming chat check chess chicken child chimera circle city clean clear clever client
	clipboard clock close cloud clouds club code coffee cold collection collector color comet command comment common communication
	communications component components computer configuration connection console consumer contact container content control cookie cookies
	cool copper copy core corn cosmic cotton count country cow crab crazy creator crew cross crow crown cyclone dagger dark data database date
	dawn day dead deal death december deep default defense delta demon deployment desert design desktop destroy destruction device devices devil
	diamond digital dino direct directory discovery disk display document documents dog dolphin domain domains door dot double down download dragon
	draft dream drive driver drop duck duke dune dust eagle ear earth east easy echo eclipse edge egg eight eleven elephant elf elite email emails
	employee empty end energetic energy engine engineering enterprise environment epic equation error escape event events evil exchange
	execution exit explorer express external eye face factory falcon false family fancy far fast father feather february field file files
	fin final find finger fire firewall firmware first fish five flag flame flash flat flax float flood floor flow flower fly fog folder
	food fool foot force forest forge form forms fortune forward foundation four fox frame free fresh friday frog from front frost full fun fury
	future gallery gamma game garden gas gate gateway gathering gear general generic genesis gentle ghost giant gift glass global go goat gold
	golden good gorilla grand grape graph graphic grass gravity gray great green grey grid group guest guide gun hacking hail hammer hand
	happy hard hardware hat hawk head heart heat heavy hedgehog helmet help hen hidden high hill hive hole holiday home honey hook hope horn
	horse host hot hound hour house human hunter hurricane ice icon identity image images impact in indigo information ink input inside
	install instance integrity intelligence interface internal internet iron island ivory jacket jackal january job joke jump june jungle july
	key keys kill kind king kitten kiwi knife knight ladder lake lamp land language large laser last launch law layer lead leaf legend leopard letter
	level library life light lightning like lime line link links lion lizard load local location lock log logic login logon logs long loop
	lord lotus love low lucky lynx machine mac macro magic magma magnet magnolia mail mailbox main manager mango manipulation mantis map march
	mark market mask master match may meal media medium meteor metal method mid midnight mime mini mint mirror mist mobile mode model
	modify module money monitor monkey month moon more moth mother motion mountain mouse move multi muddy music mustang nano native
	net network networks new news night nine no noble nomad north note november number oak object observer ocean october octopus of off
	office oil old olive on one onion online open operation operations option orange orchard order organization original other out output owl
	owner package packed page pages paint panda panel panther paper parallel parent parrot part pass password passwords patch path patriot
	patchwork pattern payment peace penguin pepper permission permissions person personal phantom phone photo phrase physical piano pilot pine pink pipe pirate
	pixel plain plan planet plant platform play player plug point poison pole policy pool pop port portal post power premier press prime print
	printer private process profile program project property protocol proxy public pulse puma pump punch purple push puzzle python
	queen quick quiet rabbit radio rain rainbow ram rancor random raspberry rat raven razor read reader real reaper rebel record recovery red redline reflective region registry relay release remote removal remove report request research resource resources response rest return ring river road
	robot rock rocket role roll roof room root rose rotate round route rover royal rule ruler run runner sacred safe sail salt sample sand
	sandstorm saturday save scan scarab scheduled scorpion screen script sea seal search season second secret secure security seed select
	self send sensor september sequence sequel serpent server service services session set setting settings seven shadow shared sharing
	shark sharp shell shield shift shine ship shop short show shut side sign silent silk silver simple single site six skull sky slack sleet
	slide slow small smart smoke snail snake snow social soft software solar soldier sorcerer sound source south space spark sparrow special
	speed sphere spider spirit split spring spy square squirrel stack staff stage standard star start startup state statement
	station status steal stealth steam steel steps stone stop storage store storm stream street strike string strong studio sub summer
	sun sunday support swallow swan sword symbol system systems table tag tail tank target task tasks tea team tech technical tempest
	ten terminal test text theft theme third three thunder tick tidal tide tiger time titanium token tokens tomato ton tool tools top tor torch
	total touch tower town toy track trade traffic trail training transfer transparent trap tree tribe trick trident trigger trim tropic true trust trusted
	tsunami tuesday tulip tunnel turbine turtle twin two typhoon under unit update upload usb user users utility valid valley value vampire
	vault vector vendor venom vent version via video view viking viper virtual vision voice void volatile volcano vortex vote vulture wall
	ticket tickets wallet wasp watch water wave wax way weather weasel web website wednesday weekly west whale wheel whisper white wicked wide wild wind window
	windows wine wing winter wire wireless wizard wolf wolverine wood word work workflow world write wrong yard year yellow yeti young your zebra zero
	zone havoc sliver orb ember rig nickel bronze covenant brute inception machete tropical ripper grim grief maze hunters international lock bit abyss cloak
	everest hellcat interlock nitrogen donut royal embargo cicada fog apos eldorado lynx sarcoma
	redline teardrop pay knot load dragonfly dust specter mystic mirage bad rabbit sunburst raindrop 
	mango prophet peach wizard pioneer kitten gossip exotic lily wicked panda stone goblin deputy boss sinkhole ferocious dukes turtle
	comfort elemental anchor stuxnet-like page nerve rover epic dealers choice scout socks   
	zlib volume gold dragon honeybee plead cardinal pony cleaver nightmare mosquito shortcut modification
	brute force forced guess guessing scraping shopping list cloning scripting interpreter masquerade masquerading discover trusted relationship supply chain indicator obfuscated compile delivery
	archive collected staged automated exfil encoding encrypted channel fallback channels ingress junk stages standard application layer
	ping ups reg arp ftp cmd netstat tasklist systeminfo ipconfig nbtstat nltest dsquery whoami attrib cipher usb sql vpn dns http ssh rdp php
	java javascript bash linux android see also former today yesterday while when during both either we they he she it its some many most
	several another meanwhile however according thanks please dear energy health government finance banking education retail media
	non-standard protocols communication through removable media account defacement endpoint denial firmware corruption inhibit
	resource recovery stop reboot data destruction manipulation phishing hardware additions external compromise replication`
