package mail

import "strings"

// What mail programs write around quoted and forwarded mail, per language. The
// tables are merged over languages: a label such as "Od" means the same wherever
// it is used, and reporters mix languages.

// label is the kind of one line of a quoted header.
type label uint8

const (
	noLabel label = iota
	labelFrom
	labelTo
	labelCc
	labelBcc
	labelDate
	labelSubject
	labelReplyTo
	labelOther // attachments, importance: part of the block, not read
)

// labelWords lists the labels, lower case, without the colon.
var labelWords = map[label]string{
	labelFrom: "from|von|absender|de|expéditeur|da|mittente|van|afzender|från|fra|lähettäjä|od|nadawca|odesílatel|feladó|küldő|de la|expeditor|" +
		"šalje|pošiljatelj|от|отправитель|від|відправник|подател|από|αποστολέας|kimden|gönderen|saatja|kellelt|sūtītājs|nuo|siuntėjas|" +
		"寄件者|寄件人|发件人|發件人|差出人|送信元|送信者|보낸 사람|보낸사람|발신|발신자|מאת|من|المرسل|از|فرستنده|từ|người gửi|จาก|dari|pengirim|frá|remitente|remetente|remitent|nork|שולח",
	labelTo: "to|an|empfänger|à|a|para|pour|destinataire|destinatario|destinatário|aan|till|til|vastaanottaja|do|komu|adresat|příjemce|címzett|către|" +
		"prima|za|primatelj|prejemnik|кому|до|получатель|одержувач|получател|προς|παραλήπτης|kime|alıcı|saaja|adressaat|kellele|kam|adresāts|kam.|kas|kam:|gavėjas|" +
		"收件者|收件人|宛先|受信者|받는 사람|받는사람|수신|수신자|אל|نمایش|إلى|الى|المستلم|به|گیرنده|đến|tới|người nhận|ถึง|kepada|untuk|ke|per a|per|destinatari|nori",
	labelCc: "cc|kopie|copie|copie à|copia|cópia|kopia|kopi|kopio|kopija|másolat|másolatot kap|копия|копія|копие|κοιν.|κοινοποίηση|bilgi|koopia|" +
		"副本|抄送|参照|참조|עותק|نسخة|رونوشت|สำเนา|tembusan|dw|cc'd|s výskytom|en copie|con copia|kópia|kóp.",
	labelBcc: "bcc|cci|cco|ccn|密件副本|密送|숨은 참조|skrytá kopie|udw|скрытая копия|blindkopie|bkz|gizli",
	labelDate: "date|sent|datum|gesendet|gesendet am|envoyé|envoyé le|date d'envoi|enviado|enviada|enviado el|enviado em|enviada em|fecha|data|dată|inviato|data invio|verzonden|verstuurd|" +
		"skickat|sendt|dato|lähetetty|päivämäärä|päiväys|wysłano|data wysłania|odesláno|odoslané|dátum|elküldve|küldve|trimis|data trimiterii|poslano|poslané|vrijeme|" +
		"отправлено|дата|дата отправки|відправлено|надіслано|изпратено|στάλθηκε|ημερομηνία|gönderildi|gönderim|gönderme tarihi|tarih|gönderilme tarihi|saadetud|kuupäev|" +
		"nosūtīts|datums|išsiųsta|išsiuntimo data|寄件日期|傳送日期|傳送時間|寄件時間|日期|时间|時間|发送时间|发送日期|送信日時|送信日|日時|日付|보낸 날짜|보낸날짜|날짜|발송일|" +
		"נשלח|תאריך|تاريخ|تاريخ الإرسال|التاريخ|تم الإرسال|أرسلت|تاریخ|đã gửi|ngày|ngày gửi|gửi|ส่ง|ส่งเมื่อ|วันที่|dikirim|tanggal|enviat|enviat el|sent at|sent on|bidalita|sent date|send",
	labelSubject: "subject|betreff|objet|sujet|asunto|oggetto|assunto|onderwerp|ämne|emne|aihe|temat|předmět|predmet|predmět|tárgy|subiect|subiectul|zadeva|" +
		"тема|относно|тема письма|θέμα|konu|teema|tēma|temats|tema|主旨|主题|主題|標題|件名|표제|제목|נושא|الموضوع|موضوع|chủ đề|tiêu đề|เรื่อง|หัวเรื่อง|หัวข้อ|subjek|perihal|assumpte|efni|gaia",
	labelReplyTo: "reply-to|reply to|antwort an|antwort-an|répondre à|responder a|rispondi a|beantwoorden aan|svar til|odpowiedz do|ответить|回复|返信先|答复|responder para|yanıtla",
	labelOther: "attachments|anlagen|anhänge|anhang|pièces jointes|pièce jointe|adjuntos|datos adjuntos|allegati|anexos|bijlagen|bifogade filer|vedlegg|vedhæftede filer|liitteet|załączniki|přílohy|prílohy|mellékletek|" +
		"importance|wichtigkeit|priorität|priority|importanza|importancia|priorité|prioriteit|sensitivity|вложения|важность|添付ファイル|附件|첨부 파일|重要度|重要性|resent-from|mailed-by|signed-by|organization|message-id|resent-date|resent-to|security|list-unsubscribe|return-path",
}

// labels maps a lower-case label to its kind.
var labels = func() map[string]label {
	m := map[string]label{}
	for _, kind := range [...]label{labelOther, labelReplyTo, labelBcc, labelCc, labelTo, labelDate, labelSubject, labelFrom} {
		for _, w := range strings.Split(labelWords[kind], "|") {
			m[w] = kind
		}
	}
	return m
}()

// forwardWords stand between dashes, or end with a colon, above a forwarded mail.
var forwardWords = phraseSet("forwarded message|forwarded mail|forwarded email|forwarded e-mail|forward message|begin forwarded message|start of forwarded message|forwarded by|fwd|" +
	"weitergeleitete nachricht|weitergeleitete mail|weitergeleitete e-mail|anfang der weitergeleiteten nachricht|anfang der weitergeleiteten e-mail|beginn der weitergeleiteten nachricht|" +
	"message transféré|message transmis|message réexpédié|mail transféré|courriel transféré|e-mail transféré|e-mail transmis|début du message transféré|début du message réexpédié|début du message transmis|" +
	"mensaje reenviado|correo reenviado|mensaje transmitido|inicio del mensaje reenviado|forwarded message (reenviado)|" +
	"messaggio inoltrato|messaggio di posta inoltrato|inizio messaggio inoltrato|inizio del messaggio inoltrato|inoltro messaggio|mail inoltrata|" +
	"mensagem encaminhada|mensagem reencaminhada|início da mensagem encaminhada|início da mensagem reencaminhada|e-mail encaminhado|" +
	"doorgestuurd bericht|doorgestuurde e-mail|begin doorgestuurd bericht|begin van doorgestuurd bericht|" +
	"vidarebefordrat meddelande|vidarebefordrat mejl|vidarebefordrat brev|vidarebefordrat mail|början på vidarebefordrat meddelande|vidarebefordrat meddelande börjar|" +
	"videresendt meddelelse|videresendt besked|videresendt mail|videresendt e-mail|videresendt melding|videresendt e-post|start på videresendt besked|start på videresendt melding|begynnelse på videresendt melding|videresent melding|" +
	"välitetty viesti|edelleenlähetetty viesti|edelleen lähetetty viesti|välitetty viesti alkaa|välitetyn viestin alku|" +
	"přeposlaná zpráva|předaná zpráva|přeposílaná zpráva|začátek přeposílané zprávy|začátek přeposlané zprávy|" +
	"preposlaná správa|odovzdaná správa|začiatok preposlanej správy|" +
	"wiadomość przekazana dalej|przekazana wiadomość|treść przekazanej wiadomości|przesłana wiadomość|początek przekazywanej wiadomości|początek przekazanej wiadomości|wiadomość przekazana|" +
	"továbbított üzenet|továbbított levél|továbbított levél kezdete|a továbbított üzenet kezdete|" +
	"mesaj redirecționat|mesaj redirecţionat|mesaj transmis mai departe|mesaj transmis|începe mesajul redirecționat|începutul mesajului redirecționat|început mesaj redirecționat|" +
	"proslijeđena poruka|prosljeđena poruka|početak proslijeđene poruke|započni proslijeđenu poruku|posredovano sporočilo|začetek posredovanega sporočila|" +
	"пересылаемое сообщение|переадресованное сообщение|перенаправленное сообщение|пересланное сообщение|пересылаемое письмо|начало переадресованного сообщения|начало пересылаемого сообщения|начало пересланного сообщения|" +
	"переслане повідомлення|пересланий лист|переадресоване повідомлення|початок листа, що пересилається|початок пересланого повідомлення|початок переспрямованого повідомлення|" +
	"препратено съобщение|начало на препратеното съобщение|προωθημένο μήνυμα|αρχή προωθημένου μηνύματος|" +
	"iletilen mesaj|iletilmiş ileti|yönlendirilen ileti|yönlendirilmiş ileti|iletilen ileti|iletilen mesajın başlangıcı|iletilmiş mesajın başlangıcı|yönlendirilmiş ileti başlangıcı|iletilen iletinin başlangıcı|iletilmiş iletinin başlangıcı|iletilmiş ileti başlangıcı|" +
	"edastatud kiri|edastatud sõnum|edasisaadetud kiri|pārsūtīts ziņojums|pārsūtīta ziņa|pārsūtītais ziņojums|persiųstas laiškas|persiųstas pranešimas|persiunčiamas laiškas|" +
	"転送メッセージ|転送されたメッセージ|転送メール|転送された電子メール|以下は転送されたメッセージです|" +
	"转发的邮件|转发邮件|转发信息|已转发邮件|转发邮件信息|被转发邮件|下面是被转发的邮件|轉寄郵件|轉寄的郵件|轉寄訊息|已轉寄郵件|已轉寄的郵件|開始轉寄郵件|以下是轉寄的郵件|转发的消息|" +
	"전달된 메시지|전달된 메일|전달한 메시지|전달 메시지|전달된 이메일|전달한 메일|" +
	"הודעה שהועברה|תחילת ההודעה שהועברה|الرسالة المعاد توجيهها|رسالة معاد توجيهها|رسالة مُعاد توجيهها|بدء الرسالة المعاد توجيهها|بداية الرسالة المعاد توجيهها|رسالة محولة|پیام هدایت\u200cشده|پیام بازفرستاده شده|" +
	"thư đã chuyển tiếp|thư chuyển tiếp|tin nhắn đã chuyển tiếp|tin nhắn được chuyển tiếp|bắt đầu thư đã chuyển tiếp|ข้อความที่ส่งต่อ|ข้อความส่งต่อ|เริ่มต้นข้อความที่ส่งต่อ|" +
	"pesan terusan|pesan yang diteruskan|pesan diteruskan|mulai pesan yang diteruskan|missatge reenviat|inici del missatge reenviat|birbidalitako mezua|áframsend skilaboð")

// originalWords do the same above a quoted mail, forwarded or answered.
var originalWords = phraseSet("original message|original mail|original email|original appointment|ursprüngliche nachricht|originalnachricht|original-nachricht|original nachricht|ursprünglicher termin|" +
	"message d'origine|message d’origine|message original|message initial|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht|origineel bericht|" +
	"ursprungligt meddelande|originalmeddelande|original meddelelse|oprindelig meddelelse|opprinnelig melding|alkuperäinen viesti|původní zpráva|pôvodná správa|" +
	"wiadomość oryginalna|oryginalna wiadomość|treść oryginalnej wiadomości|eredeti üzenet|mesaj original|mesajul original|izvorna poruka|originalna poruka|izvirno sporočilo|" +
	"исходное сообщение|оригинальное сообщение|початкове повідомлення|оригінальне повідомлення|оригинално съобщение|αρχικό μήνυμα|orijinal mesaj|özgün ileti|orijinal ileti|" +
	"algne kiri|algteade|sākotnējais ziņojums|pradinis laiškas|pradinis pranešimas|元のメッセージ|オリジナルメッセージ|原始邮件|原始郵件|原邮件|邮件原件|원본 메시지|원본 메일|원본 이메일|" +
	"הודעה מקורית|الرسالة الأصلية|رسالة أصلية|پیام اصلی|thư gốc|tin nhắn gốc|ข้อความต้นฉบับ|ข้อความเดิม|pesan asli|missatge original|ursprüngliche e-mail")

// wroteWords stand in the line above a quoted answer ("On ..., X wrote:").
var wroteWords = phraseSet("wrote|writes|schrieb|geschrieben|écrit|escribió|escribio|scritto|escreveu|schreef|skrev|kirjoitti|napsal|napsal(a)|napísal|napísal(a)|napisał|napisała|napisał(a)|pisze|" +
	"írta|scris|napisao|napisala|napisao/la|написал|написала|написал(а)|пишет|пише|написа|έγραψε|yazdı|kirjutas|rakstīja|rašė|כתב|כתב/ה|כתבה|كتب|نوشت|viết|menulis|escriure|idatzi")

// wroteEndings are the same in languages that put no spaces between words.
var wroteEndings = []string{"さんは書きました", "のメール", "写道", "寫道", "님이 작성", "작성", "เขียนว่า"}

func phraseSet(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Split(s, "|") {
		m[w] = true
	}
	return m
}

// monthStems are beginnings of month names; the longest that fits counts.
var monthStems = func() map[string]int {
	m := map[string]int{}
	for month, stems := range [...]string{
		1:  "jan|ene|gen|gener|ian|янв|січ|яну|ιαν|ocak|oca|tam|led|sty|jaan|janv|sau|siij|tháng 1|jän|janu",
		2:  "feb|fév|fev|фев|лют|φεβ|şub|helm|úno|lut|veeb|vas|febr|febb|tháng 2|veljače|veljača",
		3:  "mar|mär|mrz|märz|maa|maalis|már|мар|бер|берез|μαρ|μάρ|bře|märts|kov|tháng 3|mrt|maart|ožujka|ožujak",
		4:  "apr|avr|abr|апр|кві|απρ|nis|huhti|dub|kwi|bal|ápr|tháng 4|travnja|travanj|avril|aprill",
		5:  "may|mai|maj|mag|maí|мая|май|трав|μαΐ|μαι|mayıs|touko|kvě|geg|máj|mei|tháng 5|svibnja|svibanj|mag|maig",
		6:  "jun|juuni|juin|giu|июн|черв|юни|ιουν|ιούν|haz|kesä|červ|cze|bir|jún|iun|tháng 6|lipnja|lipanj|juny",
		7:  "jul|juuli|juil|lug|июл|лип|юли|ιουλ|ιούλ|tem|heinä|červenc|lip|lie|júl|iul|tháng 7|srpnja|srpanj|jūl",
		8:  "aug|août|aou|ago|авг|серп|αυγ|αύγ|ağu|elo|srp|sie|rugp|tháng 8|kolovoza|kolovoz|aug|agost",
		9:  "sep|set|сен|вер|септ|σεπ|eyl|syys|zář|wrz|rugs|sept|szept|tháng 9|rujna|rujan",
		10: "oct|okt|ott|out|окт|жов|οκτ|eki|ekim|loka|říj|paź|spal|tháng 10",
		11: "nov|ноя|лист|ное|νοε|νοέ|kas|marras|lis|listopad|lap|tháng 11|studenoga|studeni|noi",
		12: "dec|dez|déc|dic|дек|груд|δεκ|ara|joulu|pro|gru|gruo|tháng 12|prosinca|prosinac|des|det|aralık|abd",
	} {
		for _, s := range strings.Split(stems, "|") {
			if s != "" {
				m[s] = month
			}
		}
	}
	return m
}()

// lowerText is lower case as the tables have it: the dotted capital I of Turkish
// leaves a combining dot behind.
func lowerText(s string) string { return strings.ReplaceAll(strings.ToLower(s), "i\u0307", "i") }

// maxStem is the length in runes of the longest stem.
const maxStem = 10

// monthOf reads a month name; 0 when the word is none.
func monthOf(word string) int {
	runes := []rune(word)
	for n := min(len(runes), maxStem); n >= 3; n-- {
		if m := monthStems[string(runes[:n])]; m > 0 {
			return m
		}
	}
	return 0
}
