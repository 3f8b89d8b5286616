package dictionary

import "strings"

// meaning is what a word says about names that stand near it.
type meaning struct {
	weight weight
	hint   string // type of thing that it names: "gang" an Adversary
	role   role
}

type weight int8

const (
	weak   weight = 1 // also said of other things: group, campaign, tool
	strong weight = 2 // hardly said of anything else: ransomware, exfiltrated
)

type role uint8

const (
	plain      role = iota
	daily           // a word of daily use, or a name of people and places
	thingAfter      // behind a name it makes a place, a company or another thing of it: street, museum, GmbH
	company         // behind any name: Regin AB
	titleFront      // before a name it makes a person or another thing of it: Mr, Saint, hotel
	determiner      // behind a name it makes a verb of it: play the, snake your
	nation          // a capital word that says nothing: Russian, Chinese
	attached        // behind a hyphen it goes with names: -linked, -based
)

// meanings are the words with a meaning, in lower case.
func meanings() map[string]meaning {
	all := map[string]meaning{}
	put := func(m meaning, words string) {
		for _, w := range strings.Fields(words) {
			have := all[w]
			if m.weight > have.weight {
				have.weight = m.weight
			}
			if m.hint != "" && have.hint == "" {
				have.hint = m.hint
			}
			if m.role > have.role {
				have.role = m.role
			}
			all[w] = have
		}
	}
	put(meaning{role: daily}, dailyWords)
	put(meaning{role: daily}, personsAndPlaces)
	put(meaning{weight: strong, hint: Malware}, malwareWords)
	put(meaning{weight: strong, hint: Adversary}, "apt gang adversary adversaries affiliate affiliates hackers cybercriminals cybercrime cyberespionage")
	put(meaning{weight: strong, hint: AttackPattern}, "technique techniques tactic tactics ttp ttps att subtechnique mitre")
	put(meaning{weight: strong, hint: Vulnerability}, "vulnerability vulnerabilities cve rce exploit exploits exploited exploiting exploitation")
	put(meaning{weight: strong}, `c2 beacon beacons beaconing implants exfiltrate exfiltrated exfiltrates exfiltration encryptor decryptor
		espionage spearphishing spearphish ioc iocs yara keylogging shellcode ransom extortion lateral webshell malspam persistence
		intrusion intrusions compromised botnets infected infects infections infecting wipers antivirus edr siem lsass
		Schadsoftware Erpressungstrojaner Hintertür rançongiciel maliciel вредоносное`)
	put(meaning{weight: weak, hint: Adversary}, "group groups actor actors team crew operators operator hacker attacker attackers collective syndicate spies")
	put(meaning{weight: weak, hint: Campaign}, "campaign campaigns operation")
	put(meaning{weight: weak, hint: Tool}, "tool tools toolkit framework frameworks utility")
	put(meaning{weight: weak, hint: Vulnerability}, "flaw flaws bug zero-day unpatched patched")
	put(meaning{weight: weak}, `attributed attribution dropped drops deployed deploys deploying deploy delivered delivers downloads downloaded downloader
		sample samples variant variants family families victim victims attack attacks attacked threat threats phishing stolen steals steal
		encrypted encrypts leak leaked leaks server servers module modules script powershell hash hashes malicious hosts host network
		breach breached campaign cyber security credential credentials decrypt panel infrastructure tracked detection detected activity
		plugin payloads injected process registry executes executed execution executable obfuscated harvested targeted targeting
		Gruppe Angriff Angreifer Opfer groupe attaque`)
	put(meaning{role: thingAfter}, `street avenue road lane square boulevard bridge museum corporation co sa university college school
		hotel club fc cf united stadium church cathedral palace theatre theater airlines airways bank holdings partners foundation institute
		hospital restaurant cafe river lake mountain island park airport station dioxide monoxide copy copies fiber fibre footprint tax credit
		credits emissions emission neutral neutrality offsets dating paper monoxide steel trading market offset accounting button store music list
		strategy state building games movie film novel album song band orchestra festival records caribbean mail navy family highness college
		mode theory league players player pause stars awards war wars style bakery kitchen farm winery wine beer engine aircraft jet project
		straße strasse platz verlag museum brücke kirche universität county city town valley beach bay tower mall clinic pharmacy effect`)
	put(meaning{role: titleFront}, `mr mrs ms miss dr prof professor sir lady saint st san santa herr frau monsieur madame signor signora senator president minister
		captain director king queen prince princess brother sister uncle aunt dear hello hi lieber liebe hotel restaurant cafe lake mount river
		street city museum villa via piazza rue calle hotels biblical low zero reduce activated
		anna maria sofia julia laura diana emma alice bob carl david felix max victor viktor boris ivan igor natasha olga peter paul john mary
		james robert michael william thomas mark andrea paolo giuseppe francesco luigi hans klaus jean pierre luis carlos ahmed ali yuki wei
		model invoice part room gate flight article order serial sku bus tram printer printers`)
	put(meaning{role: company}, "gmbh inc ltd llc ag kg corp plc srl ab oy bv nv kk sarl pty")
	put(meaning{role: determiner}, "the a an your our my his her its their this these those that with and or video audio")
	put(meaning{role: nation}, `russian chinese iranian korean north south vietnamese ukrainian belarusian indian pakistani israeli american turkish lebanese
		syrian european prolific notorious infamous new nation the a`)
	put(meaning{role: attached}, "linked based affiliated related like style as branded associated backed run nexus")
	return all
}

// malwareWords name kinds of malware and its parts.
const malwareWords = `malware ransomware trojan trojans backdoor backdoors botnet stealer stealers infostealer infostealers rat rats wiper rootkit
	bootkit implant keylogger dropper droppers loader loaders spyware worm cryptominer miner adware payload ransomwares webshell
	locker virus banker`

// personsAndPlaces are names that malware and adversaries share with the world.
const personsAndPlaces = `conti lazarus turla dyre ramnit carbon empire clop petya misha mischa zeus hydra apollo athena atlas hermes medusa
	pandora titan olympus phoenix andromeda gandalf matrix morpheus loki thor odin fenrir hades nemesis orion ares pegasus hercules achilles
	ajax troy spartacus cerberus cerber anubis osiris isis horus ra sphinx pharaoh cleopatra caesar nero augustus shiva vishnu kali ganesh
	dharma karma maya inca aztec samurai ninja shogun sakura kimono tokyo kyoto paris london berlin vienna rome milan madrid moscow kiev
	volga danube nile amazon everest alps mercury venus earth mars jupiter saturn uranus neptune pluto luna sol terra nova aurora ursula
	 
	joker batman robin superman dracula frankenstein godzilla kong mirage sierra tango victoria elizabeth charlotte jasmine rose lily daisy
	iris violet ruby amber jade crystal pearl diamond emerald sapphire opal amadey gustav gustaf rex leo luca marco enzo bruno lyceum elise
	dante fargo cosmo comfoo gravity gallmaker magnus merlin arthur avalon camelot excalibur romeo juliet hamlet othello macbeth denis astaroth
	trinity rhysida akira cuba ragnar quantum vice karakurt cactus medusa snatch noname babel sodom eden judas adam eva noah moses ryuk sandworm
	elderwood naikon helix rana andariel scarlet lilith domino crimson fox kittens`

// dailyWords are words that are in use in mail of every kind. A name that is made of
// nothing else counts only where something speaks for it.
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
	modify module molerats money monitor monkey month moon more moth mother motion mountain mouse move multi muddy music mustang nano native
	net network networks new news night nine no noble nomad north note november number oak object observer ocean october octopus of off
	office oil old olive on one onion online open operation operations option orange orchard order organization original other out output owl
	owner package packed page pages paint panda panel panther paper parallel parent parrot part pass password passwords patch path patriot
	patchwork pattern payment peace penguin pepper permission permissions person personal phantom phone photo phrase physical piano pilot pine pink pipe pirate
	pixel plain plan planet plant platform play player plug point poison pole policy pool pop port portal post power premier press prime print
	printer private process profile program project promethium property protocol proxy public pulse puma pump punch purple push puzzle python
	queen quick quiet rabbit radio rain rainbow ram rancor random raspberry rat raven razor read reader real reaper rebel record recovery red redline 	reflective region registry relay release remote removal remove report request research resource resources response rest return ring river road
	robot rock rocket role roll roof room root rose rotate round route rover royal rule ruler run runner sacred safe sail salt sample sand
	sandstorm saturday save scan scarab scheduled scorpion screen script sea seal search season second secret secure security seed select
	self send sensor september sequence sequel serpent server service services session set setting settings seven shadow shared sharing
	shark sharp shell shield shift shine ship shop short show shut side sign silent silk silver simple single site six skull sky slack sleet
	slide slow small smart smoke snail snake snow social soft software solar soldier sorcerer sound source south space spark sparrow special
	speculoos speed sphere spider spirit split spring spy square squirrel stack staff stage standard star start startup state statement
	station status steal stealth steam steel steps stone stop storage store storm stream street strike string strong studio sub suckfly summer
	sun sunday support swallow swan sword symbol system systems table tag tail tank target task tasks tea team tech technical tempest
	ten terminal test text theft theme third three thunder tick tidal tide tiger time titanium token tokens tomato ton tonto tool tools top tor torch
	total touch tower town toy track trade traffic trail training transfer transparent trap tree tribe trick trident trigger trim tropic true trust trusted
	tsunami tuesday tulip tunnel turbine turtle twin two typhoon under unit update upload usb user users utility valid valley value vampire
	vault vector vendor venom vent version via video view viking viper virtual vision voice void volatile volcano vortex vote vulture wall
	ticket tickets wallet wasp watch water wave wax way weather weasel web website wednesday weekly west whale wheel whisper white wicked wide wild wind window
	windows wine wing winter wire wireless wizard wolf wolverine wood word work workflow world write wrong yard year yellow yeti young your zebra zero
	zone havoc sliver orb ember rig sofacy gallium barium chromium thallium phosphorus hafnium strontium nickel rubidium bronze 	covenant brute inception machete tropical ripper grim grief maze hunters international lock bit abyss cloak
	everest hellcat interlock nitrogen raworld trigona donut stormous mallox royal embargo cicada fog apos eldorado lynx killsec sarcoma
	redline teardrop pay knot load dragonfly dust specter mystic mirage bad rabbit sality sunburst raindrop pupy
	mango prophet peach wizard pioneer kitten gossip exotic lily wicked panda stone goblin deputy boss sinkhole ferocious dukes turtle
	comfort elemental anchor ursnif dorkbot stuxnet-like page nerve rover epic dealers choice misdat scout socks nidiran orz helminth
	catchamas zlib volume boostwrite gold dragon honeybee plead cardinal pony cleaver nightmare mosquito wiarp derusbi shortcut modification
	brute force forced guess guessing scraping shopping list cloning         	scripting interpreter masquerade masquerading discover trusted relationship supply chain indicator obfuscated compile delivery
	archive collected staged automated exfil encoding encrypted channel fallback channels ingress junk stages standard application layer
	ping ups reg arp ftp cmd netstat tasklist systeminfo ipconfig nbtstat nltest dsquery whoami attrib cipher usb sql vpn dns http ssh rdp php
	java javascript bash linux android see also former today yesterday while when during both either we they he she it its some many most
	several another meanwhile however according thanks please dear energy health government finance banking education retail media
	non-standard protocols communication through removable media account defacement endpoint denial firmware corruption inhibit
	resource recovery stop reboot data destruction manipulation phishing hardware additions external compromise replication`
