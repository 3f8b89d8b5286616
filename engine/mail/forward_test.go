package mail_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
)

// client is a mail program: how it lays a forwarded mail out, and what it
// writes in which language. In a layout, {sep} is the separator line's text, the
// others are labels; a language without a separator uses the layout without one.
type client struct {
	name, layout string
	want         string // Forward.Client
	words        []localeWords
}

// localeWords are separator, labels (from, date, subject, to) and a date as the
// program writes them in one language. The want is minute precision UTC.
type localeWords struct {
	lang, prefix, sep, from, date, subject, to, when string
	want                                             time.Time
}

var local = time.Date(2022, 6, 1, 9, 39, 0, 0, time.UTC)

const (
	gmailLayout = `See below.

---------- {sep} ---------
{from} John Doe <john.doe@acme.example>
{date} {when}
{subject} Integer consequat non purus
{to} Bessie Berry <bessie.berry@acme.example>


`
	hubspotLayout = `See below.

---------- {sep} ----------
{from} John Doe <john.doe@acme.example>
{date} {when}
{subject} Integer consequat non purus
{to} Bessie Berry <bessie.berry@acme.example>

`
	appleLayout = `

> {sep}
> 
> {from} John Doe <john.doe@acme.example>
> {subject} Integer consequat non purus
> {date} {when}
> {to} Bessie Berry <bessie.berry@acme.example>
> 
> `
	outlookLayout = `

________________________________
{from} John Doe <john.doe@acme.example>
{date} {when}
{to} Bessie Berry <bessie.berry@acme.example>
{subject} Integer consequat non purus

`
	classicLayout = `

-----{sep}-----
{from} John Doe [mailto:john.doe@acme.example] 
{date} {when}
{to} Bessie Berry <bessie.berry@acme.example>
{subject} Integer consequat non purus

`
	mobileLayout = `
Get Outlook for iOS<https://aka.ms/o0ukef>
________________________________
*{from}* John Doe <john.doe@acme.example<mailto:john.doe@acme.example>>
*{date}* {when}
*{to}* Bessie Berry <bessie.berry@acme.example<mailto:bessie.berry@acme.example>>
*{subject}* Integer consequat non purus

`
	thunderbirdLayout = `


-------- {sep} --------
{subject} 	Integer consequat non purus
{date} 	{when}
{from} 	John Doe <john.doe@acme.example>
{to} 	Bessie Berry <bessie.berry@acme.example>



`
	yahooLines = `

----- {sep} -----
{from} John Doe <john.doe@acme.example>
{to} "bessie.berry@acme.example" <bessie.berry@acme.example>
{date} {when}
{subject} Integer consequat non purus

`
	ionosLayout = `

> ---------- {sep} ----------
> {from} John Doe <john.doe@acme.example>
> {to} Bessie Berry <bessie.berry@acme.example>
> {date} {when}
> {subject} Integer consequat non purus
> 
> `
	mailmateLayout = `

{sep}

> {from} John Doe <john.doe@acme.example>
> {to} Bessie Berry <bessie.berry@acme.example>
> {subject} Integer consequat non purus
> {date} {when}
>
> `
)

var clients = []client{
	{"gmail", gmailLayout, "gmail", []localeWords{
		{"en", "Fwd:", "Forwarded message", "From:", "Date:", "Subject:", "To:", "Wed, Jun 1, 2022 at 9:39 AM", local},
		{"en-gb", "Fwd:", "Forwarded message", "From:", "Date:", "Subject:", "To:", "Wed, 1 Jun 2022 at 09:39", local},
		{"de", "Fwd:", "Forwarded message", "Von:", "Date:", "Subject:", "To:", "Mi., 1. Juni 2022 um 09:39 Uhr", local},
		{"fr", "Fwd:", "Forwarded message", "De :", "Date:", "Subject:", "To:", "mer. 1 juin 2022 à 09:39", local},
		{"es", "Fwd:", "Forwarded message", "De:", "Date:", "Subject:", "To:", "mié, 1 jun 2022 a las 9:39", local},
		{"it", "Fwd:", "Forwarded message", "Da:", "Date:", "Subject:", "To:", "mer 1 giu 2022 alle ore 09:39", local},
		{"pt-br", "Fwd:", "Forwarded message", "De:", "Date:", "Subject:", "To:", "qua., 1 de jun. de 2022 às 09:39", local},
		{"nl", "Fwd:", "Forwarded message", "Van:", "Date:", "Subject:", "To:", "wo 1 jun. 2022 om 09:39", local},
		{"sv", "Fwd:", "Forwarded message", "Från:", "Date:", "Subject:", "To:", "ons 1 juni 2022 kl 09:39", local},
		{"da", "Fwd:", "Forwarded message", "Fra:", "Date:", "Subject:", "To:", "ons. 1. jun. 2022 kl. 09.39", local},
		{"no", "Fwd:", "Forwarded message", "Fra:", "Date:", "Subject:", "To:", "ons. 1. jun. 2022 kl. 09:39", local},
		{"fi", "Fwd:", "Forwarded message", "Lähettäjä:", "Date:", "Subject:", "To:", "ke 1. kesäk. 2022 klo 9.39", local},
		{"pl", "Fwd:", "Forwarded message", "Od:", "Date:", "Subject:", "To:", "śr., 1 cze 2022 o 09:39", local},
		{"cs", "Fwd:", "Forwarded message", "Od:", "Date:", "Subject:", "To:", "st 1. 6. 2022 v 9:39", local},
		{"sk", "Fwd:", "Forwarded message", "Od:", "Date:", "Subject:", "To:", "st 1. 6. 2022 o 9:39", local},
		{"hu", "Fwd:", "Forwarded message", "Feladó:", "Date:", "Subject:", "To:", "2022. jún. 1., Sze, 9:39", local},
		{"ro", "Fwd:", "Forwarded message", "De la:", "Date:", "Subject:", "To:", "mie., 1 iun. 2022 la 09:39", local},
		{"hr", "Fwd:", "Forwarded message", "Od:", "Date:", "Subject:", "To:", "sri, 1. lip 2022. u 09:39", local},
		{"ru", "Fwd:", "Forwarded message", "От:", "Date:", "Subject:", "To:", "ср, 1 июн. 2022 г. в 09:39", local},
		{"uk", "Fwd:", "Forwarded message", "Від:", "Date:", "Subject:", "To:", "ср, 1 черв. 2022 р. о 09:39", local},
		{"tr", "Fwd:", "Forwarded message", "Gönderen:", "Date:", "Subject:", "To:", "1 Haz 2022 Çar, saat 09:39 tarihinde", local},
		{"et", "Fwd:", "Forwarded message", "Saatja:", "Date:", "Subject:", "To:", "K, 1. juuni 2022 kell 09:39", local},
		{"ja", "Fwd:", "Forwarded message", "差出人:", "Date:", "Subject:", "To:", "2022年6月1日(水) 9:39", local},
		{"zh-cn", "Fwd:", "Forwarded message", "发件人：", "Date:", "Subject:", "To:", "2022年6月1日周三 09:39", local},
		{"zh-tw", "Fwd:", "Forwarded message", "寄件者：", "Date:", "Subject:", "To:", "2022年6月1日 週三 上午9:39", local},
		{"ko", "Fwd:", "Forwarded message", "보낸사람:", "Date:", "Subject:", "To:", "2022년 6월 1일 (수) 오후 9:39", local.Add(12 * time.Hour)},
		{"he", "Fwd:", "Forwarded message", "מאת:", "Date:", "Subject:", "To:", "1.6.2022 09:39", local},
		{"vi", "Fwd:", "Forwarded message", "Từ:", "Date:", "Subject:", "To:", "Th 4, 1 thg 6, 2022 vào lúc 09:39", local},
	}},
	{"hubspot", hubspotLayout, "gmail", []localeWords{
		{"en", "Fwd:", "Forwarded message", "From:", "Date:", "Subject:", "To:", "Wednesday, June 1, 2022 9:39 AM", local},
		{"de", "Fwd:", "Weitergeleitete Nachricht", "Von:", "Datum:", "Betreff:", "An:", "Mittwoch, 1. Juni 2022 09:39", local},
		{"es", "Fwd:", "Mensaje reenviado", "De:", "Fecha:", "Asunto:", "Para:", "miércoles, 1 de junio de 2022 9:39", local},
		{"fr", "Fwd:", "Message transféré", "De:", "Date:", "Objet:", "À:", "mercredi 1 juin 2022 09:39", local},
		{"nl", "Fwd:", "Doorgestuurd bericht", "Van:", "Datum:", "Onderwerp:", "Aan:", "woensdag 1 juni 2022 09:39", local},
		{"pl", "Fwd:", "Wiadomość przekazana dalej", "Od:", "Data:", "Temat:", "Do:", "środa, 1 czerwca 2022 09:39", local},
		{"pt", "Fwd:", "Mensagem encaminhada", "De:", "Data:", "Assunto:", "Para:", "quarta-feira, 1 de junho de 2022 09:39", local},
		{"sv", "Fwd:", "Vidarebefordrat meddelande", "Från:", "Datum:", "Ämne:", "Till:", "onsdag 1 juni 2022 09:39", local},
		{"it", "Fwd:", "Messaggio inoltrato", "Da:", "Data:", "Oggetto:", "A:", "mercoledì 1 giugno 2022 09:39", local},
		{"ja", "Fwd:", "転送されたメッセージ", "差出人：", "日付：", "件名：", "宛先：", "2022年6月1日水曜日 9:39", local},
		{"fi", "Fwd:", "Edelleenlähetetty viesti", "Lähettäjä:", "Päivämäärä:", "Aihe:", "Vastaanottaja:", "keskiviikko 1. kesäkuuta 2022 9.39", local},
	}},
	{"apple", appleLayout, "apple", []localeWords{
		{"en", "Fwd:", "Begin forwarded message:", "From:", "Date:", "Subject:", "To:", "June 1, 2022 at 9:39:00 AM GMT+2", local.Add(-2 * time.Hour)},
		{"de", "Fwd:", "Anfang der weitergeleiteten Nachricht:", "Von:", "Datum:", "Betreff:", "An:", "1. Juni 2022 um 09:39:00 MESZ", local.Add(-2 * time.Hour)},
		{"fr", "Fwd:", "Début du message réexpédié :", "De:", "Date:", "Objet:", "À:", "1 juin 2022 à 09:39:00 UTC+2", local.Add(-2 * time.Hour)},
		{"es", "Fwd:", "Inicio del mensaje reenviado:", "De:", "Fecha:", "Asunto:", "Para:", "1 de junio de 2022, 9:39:00 CEST", local.Add(-2 * time.Hour)},
		{"it", "Fwd:", "Inizio messaggio inoltrato:", "Da:", "Data:", "Oggetto:", "A:", "1 giugno 2022 09:39:00 CEST", local.Add(-2 * time.Hour)},
		{"pt-br", "Fwd:", "Início da mensagem encaminhada:", "De:", "Data:", "Assunto:", "Para:", "1 de junho de 2022 09:39:00 BRT", local},
		{"pt", "Fwd:", "Início da mensagem reencaminhada:", "De:", "Data:", "Assunto:", "Para:", "1 de junho de 2022, 09:39:00 WEST", local.Add(-time.Hour)},
		{"nl", "Fwd:", "Begin doorgestuurd bericht:", "Van:", "Datum:", "Onderwerp:", "Aan:", "1 juni 2022 om 09:39:00 CEST", local.Add(-2 * time.Hour)},
		{"sv", "Fwd:", "Vidarebefordrat brev:", "Från:", "Datum:", "Ämne:", "Till:", "1 juni 2022 09:39:00 CEST", local.Add(-2 * time.Hour)},
		{"da", "Fwd:", "Videresendt besked:", "Fra:", "Dato:", "Emne:", "Til:", "1. juni 2022 kl. 09.39.00 CEST", local.Add(-2 * time.Hour)},
		{"no", "Fwd:", "Videresendt melding:", "Fra:", "Dato:", "Emne:", "Til:", "1. juni 2022 kl. 09:39:00 CEST", local.Add(-2 * time.Hour)},
		{"fi", "Fwd:", "Välitetty viesti alkaa:", "Lähettäjä:", "Päiväys:", "Aihe:", "Vastaanottaja:", "1. kesäkuuta 2022 klo 9.39.00 UTC+3", local.Add(-3 * time.Hour)},
		{"pl", "Fwd:", "Początek przekazywanej wiadomości:", "Od:", "Data:", "Temat:", "Do:", "1 czerwca 2022 09:39:00 CEST", local.Add(-2 * time.Hour)},
		{"cs", "Fwd:", "Začátek přeposílané zprávy:", "Od:", "Datum:", "Předmět:", "Komu:", "1. června 2022 9:39:00 SELČ", local},
		{"sk", "Fwd:", "Začiatok preposlanej správy:", "Od:", "Dátum:", "Predmet:", "Komu:", "1. júna 2022 o 9:39:00 SELČ", local},
		{"hu", "Fwd:", "Továbbított levél kezdete:", "Feladó:", "Dátum:", "Tárgy:", "Címzett:", "2022. június 1. 9:39:00 CEST", local.Add(-2 * time.Hour)},
		{"ro", "Fwd:", "Începe mesajul redirecționat:", "De la:", "Dată:", "Subiect:", "Către:", "1 iunie 2022 la 09:39:00 EEST", local.Add(-3 * time.Hour)},
		{"ru", "Fwd:", "Начало переадресованного сообщения:", "От:", "Дата:", "Тема:", "Кому:", "1 июня 2022 г. в 09:39:00 GMT+3", local.Add(-3 * time.Hour)},
		{"uk", "Fwd:", "Початок листа, що пересилається:", "Від:", "Дата:", "Тема:", "Кому:", "1 червня 2022 р. о 09:39:00 GMT+3", local.Add(-3 * time.Hour)},
		{"el", "Fwd:", "Αρχή προωθημένου μηνύματος:", "Από:", "Ημερομηνία:", "Θέμα:", "Προς:", "1 Ιουνίου 2022 στις 9:39:00 π.μ. EEST", local.Add(-3 * time.Hour)},
		{"tr", "İlt:", "İletilen iletinin başlangıcı:", "Kimden:", "Tarih:", "Konu:", "Kime:", "1 Haziran 2022 09:39:00 GMT+3", local.Add(-3 * time.Hour)},
		{"hr", "Fwd:", "Započni proslijeđenu poruku:", "Šalje:", "Datum:", "Predmet:", "Prima:", "1. lipnja 2022. u 09:39:00 CEST", local.Add(-2 * time.Hour)},
		{"ja", "Fwd:", "転送されたメッセージ：", "差出人:", "日付:", "件名:", "宛先:", "2022年6月1日 9:39:00 JST", local.Add(-9 * time.Hour)},
		{"zh-cn", "Fwd:", "下面是被转发的邮件：", "发件人:", "日期:", "主题:", "收件人:", "2022年6月1日 GMT+8 09:39:00", local.Add(-8 * time.Hour)},
		{"zh-tw", "Fwd:", "開始轉寄郵件：", "寄件人:", "日期:", "主旨:", "收件人:", "2022年6月1日 上午9:39:00", local},
		{"ko", "Fwd:", "전달된 메시지:", "보낸 사람:", "날짜:", "제목:", "받는 사람:", "2022년 6월 1일 오전 9:39:00 GMT+9", local.Add(-9 * time.Hour)},
	}},
	{"outlook", outlookLayout, "outlook", []localeWords{
		{"en", "FW:", "", "From:", "Sent:", "Subject:", "To:", "Wednesday, June 1, 2022 9:39 AM", local},
		{"en-gb", "Fw:", "", "From:", "Sent:", "Subject:", "To:", "01 June 2022 09:39", local},
		{"de", "WG:", "", "Von:", "Gesendet:", "Betreff:", "An:", "Mittwoch, 1. Juni 2022 09:39", local},
		{"fr", "TR:", "", "De :", "Envoyé :", "Objet :", "À :", "mercredi 1 juin 2022 09:39", local},
		{"es", "RV:", "", "De:", "Enviado:", "Asunto:", "Para:", "miércoles, 1 de junio de 2022 9:39", local},
		{"it", "I:", "", "Da:", "Inviato:", "Oggetto:", "A:", "mercoledì 1 giugno 2022 09:39", local},
		{"pt-br", "ENC:", "", "De:", "Enviado:", "Assunto:", "Para:", "quarta-feira, 1 de junho de 2022 09:39", local},
		{"pt", "FW:", "", "De:", "Enviada:", "Assunto:", "Para:", "1 de junho de 2022 09:39", local},
		{"nl", "FW:", "", "Van:", "Verzonden:", "Onderwerp:", "Aan:", "woensdag 1 juni 2022 09:39", local},
		{"sv", "VB:", "", "Från:", "Skickat:", "Ämne:", "Till:", "den 1 juni 2022 09:39", local},
		{"da", "VS:", "", "Fra:", "Sendt:", "Emne:", "Til:", "1. juni 2022 09:39", local},
		{"no", "VS:", "", "Fra:", "Sendt:", "Emne:", "Til:", "onsdag 1. juni 2022 09:39", local},
		{"fi", "VL:", "", "Lähettäjä:", "Lähetetty:", "Aihe:", "Vastaanottaja:", "keskiviikko 1. kesäkuuta 2022 9.39", local},
		{"pl", "PD:", "", "Od:", "Wysłano:", "Temat:", "Do:", "środa, 1 czerwca 2022 09:39", local},
		{"cs", "FW:", "", "Od:", "Odesláno:", "Předmět:", "Komu:", "středa 1. června 2022 9:39", local},
		{"sk", "FW:", "", "Od:", "Odoslané:", "Predmet:", "Komu:", "streda 1. júna 2022 9:39", local},
		{"hu", "FW:", "", "Feladó:", "Elküldve:", "Tárgy:", "Címzett:", "2022. június 1., szerda 9:39", local},
		{"ro", "FW:", "", "De la:", "Trimis:", "Subiect:", "Către:", "miercuri, 1 iunie 2022 09:39", local},
		{"hr", "FW:", "", "Šalje:", "Poslano:", "Predmet:", "Prima:", "1. lipnja 2022. 9:39", local},
		{"ru", "FW:", "", "От:", "Отправлено:", "Тема:", "Кому:", "1 июня 2022 г. 9:39", local},
		{"uk", "FW:", "", "Від:", "Надіслано:", "Тема:", "Кому:", "1 червня 2022 р. 9:39", local},
		{"bg", "FW:", "", "От:", "Изпратено:", "Относно:", "До:", "сряда, 1 юни 2022 г. 9:39", local},
		{"el", "ΠΡΘ:", "", "Από:", "Στάλθηκε:", "Θέμα:", "Προς:", "Τετάρτη, 1 Ιουνίου 2022 9:39 πμ", local},
		{"tr", "İLT:", "", "Kimden:", "Gönderildi:", "Konu:", "Kime:", "1 Haziran 2022 Çarşamba 09:39", local},
		{"he", "הועבר:", "", "מאת:", "נשלח:", "נושא:", "אל:", "1.6.2022 9:39", local},
		{"ar", "إعادة توجيه:", "", "من:", "تم الإرسال:", "الموضوع:", "إلى:", "01/06/2022 09:39", local},
		{"ja", "転送:", "", "差出人:", "送信日時:", "件名:", "宛先:", "2022年6月1日 9:39", local},
		{"zh-cn", "转发:", "", "发件人:", "发送时间:", "主题:", "收件人:", "2022年6月1日 9:39", local},
		{"zh-tw", "轉寄:", "", "寄件者:", "寄件日期:", "主旨:", "收件者:", "2022年6月1日 上午 09:39", local},
		{"ko", "전달:", "", "보낸 사람:", "보낸 날짜:", "제목:", "받는 사람:", "2022년 6월 1일 수요일 오전 9:39", local},
	}},
	{"outlook-classic", classicLayout, "outlook", []localeWords{
		{"en", "FW:", "Original Message", "From:", "Sent:", "Subject:", "To:", "Wednesday, June 01, 2022 9:39 AM", local},
		{"de", "WG:", "Ursprüngliche Nachricht", "Von:", "Gesendet:", "Betreff:", "An:", "Mittwoch, 1. Juni 2022 09:39", local},
		{"fr", "TR:", "Message d'origine", "De :", "Envoyé :", "Objet :", "À :", "mercredi 1 juin 2022 09:39", local},
		{"es", "RV:", "Mensaje original", "De:", "Enviado el:", "Asunto:", "Para:", "miércoles, 1 de junio de 2022 9:39", local},
		{"it", "I:", "Messaggio originale", "Da:", "Inviato:", "Oggetto:", "A:", "mercoledì 1 giugno 2022 09:39", local},
		{"nl", "FW:", "Oorspronkelijk bericht", "Van:", "Verzonden:", "Onderwerp:", "Aan:", "woensdag 1 juni 2022 9:39", local},
		{"ja", "FW:", "元のメッセージ", "差出人:", "送信日時:", "件名:", "宛先:", "2022年6月1日 9:39", local},
	}},
	{"outlook-mobile", mobileLayout, "outlook", []localeWords{
		{"en", "Fw:", "", "From:", "Date:", "Subject:", "To:", "Wednesday, 1 June 2022 at 09:39", local},
		{"de", "WG:", "", "Von:", "Datum:", "Betreff:", "An:", "Mittwoch, 1. Juni 2022 um 09:39", local},
		{"fr", "TR:", "", "De :", "Date :", "Objet :", "À :", "mercredi, 1 juin 2022 à 09:39", local},
	}},
	{"thunderbird", thunderbirdLayout, "thunderbird", []localeWords{
		{"en", "Fwd:", "Forwarded Message", "From:", "Date:", "Subject:", "To:", "Wed, 1 Jun 2022 09:39:00 +0200", local.Add(-2 * time.Hour)},
		{"de", "Fwd:", "Weitergeleitete Nachricht", "Von:", "Datum:", "Betreff:", "An:", "Wed, 1 Jun 2022 09:39:00 +0200", local.Add(-2 * time.Hour)},
		{"fr", "Fwd:", "Message transféré", "De :", "Date :", "Sujet :", "Pour :", "Wed, 1 Jun 2022 09:39:00 +0200", local.Add(-2 * time.Hour)},
		{"es", "Fwd:", "Mensaje reenviado", "De:", "Fecha:", "Asunto:", "Para:", "Wed, 1 Jun 2022 09:39:00 +0200", local.Add(-2 * time.Hour)},
		{"it", "Fwd:", "Messaggio inoltrato", "Mittente:", "Data:", "Oggetto:", "A:", "Wed, 1 Jun 2022 09:39:00 +0200", local.Add(-2 * time.Hour)},
		{"pt-br", "Fwd:", "Mensagem encaminhada", "De:", "Data:", "Assunto:", "Para:", "Wed, 1 Jun 2022 09:39:00 -0300", local.Add(3 * time.Hour)},
		{"nl", "Fwd:", "Doorgestuurd bericht", "Van:", "Datum:", "Onderwerp:", "Aan:", "Wed, 1 Jun 2022 09:39:00 +0200", local.Add(-2 * time.Hour)},
		{"sv", "Fwd:", "Vidarebefordrat meddelande", "Från:", "Datum:", "Ämne:", "Till:", "Wed, 1 Jun 2022 09:39:00 +0200", local.Add(-2 * time.Hour)},
		{"da", "Fwd:", "Videresendt meddelelse", "Fra:", "Dato:", "Emne:", "Til:", "Wed, 1 Jun 2022 09:39:00 +0200", local.Add(-2 * time.Hour)},
		{"fi", "Fwd:", "Välitetty viesti", "Lähettäjä:", "Päiväys:", "Aihe:", "Vastaanottaja:", "Wed, 1 Jun 2022 09:39:00 +0300", local.Add(-3 * time.Hour)},
		{"pl", "Fwd:", "Treść przekazanej wiadomości", "Nadawca:", "Data:", "Temat:", "Adresat:", "Wed, 1 Jun 2022 09:39:00 +0200", local.Add(-2 * time.Hour)},
		{"cs", "Fwd:", "Přeposlaná zpráva", "Od:", "Datum:", "Předmět:", "Komu:", "Wed, 1 Jun 2022 09:39:00 +0200", local.Add(-2 * time.Hour)},
		{"hu", "Fwd:", "Továbbított üzenet", "Feladó:", "Dátum:", "Tárgy:", "Címzett:", "Wed, 1 Jun 2022 09:39:00 +0200", local.Add(-2 * time.Hour)},
		{"ru", "Fwd:", "Перенаправленное сообщение", "От:", "Дата:", "Тема:", "Кому:", "Wed, 1 Jun 2022 09:39:00 +0300", local.Add(-3 * time.Hour)},
		{"tr", "Fwd:", "İletilmiş İleti", "Kimden:", "Tarih:", "Konu:", "Kime:", "Wed, 1 Jun 2022 09:39:00 +0300", local.Add(-3 * time.Hour)},
		{"ja", "Fwd:", "転送メッセージ", "差出人:", "日付:", "件名:", "宛先:", "Wed, 1 Jun 2022 09:39:00 +0900", local.Add(-9 * time.Hour)},
	}},
	{"yahoo", yahooLines, "yahoo", []localeWords{
		{"en", "Fw:", "Forwarded Message", "From:", "Sent:", "Subject:", "To:", "Wednesday, June 1, 2022, 09:39:00 AM GMT+2", local.Add(-2 * time.Hour)},
		{"de", "Fw:", "Weitergeleitete Nachricht", "Von:", "Gesendet:", "Betreff:", "An:", "Mittwoch, 1. Juni 2022, 09:39:00 MESZ", local.Add(-2 * time.Hour)},
		{"fr", "Tr:", "Mail transféré", "De :", "Envoyé :", "Objet :", "À :", "mercredi 1 juin 2022 à 09:39:00 UTC+2", local.Add(-2 * time.Hour)},
		{"es", "Rv:", "Mensaje reenviado", "De:", "Enviado:", "Asunto:", "Para:", "miércoles, 1 de junio de 2022, 09:39:00 CEST", local.Add(-2 * time.Hour)},
		{"it", "I:", "Messaggio inoltrato", "Da:", "Inviato:", "Oggetto:", "A:", "mercoledì 1 giugno 2022, 09:39:00 CEST", local.Add(-2 * time.Hour)},
		{"pt", "Fw:", "Mensagem encaminhada", "De:", "Enviado:", "Assunto:", "Para:", "quarta-feira, 1 de junho de 2022 09:39:00 BRT", local},
	}},
	{"ionos", ionosLayout, "ionos", []localeWords{
		{"en", "Fwd:", "Original Message", "From:", "Date:", "Subject:", "To:", "06/01/2022 9:39 AM CEST", local.Add(-2 * time.Hour)},
		{"de", "Fwd:", "Ursprüngliche Nachricht", "Von:", "Datum:", "Betreff:", "An:", "01.06.2022 09:39 CEST", local.Add(-2 * time.Hour)},
		{"fr", "Fwd:", "Message original", "De :", "Date :", "Objet :", "À :", "01/06/2022 09:39 CEST", local.Add(-2 * time.Hour)},
	}},
	{"mailmate", mailmateLayout, "mailmate", []localeWords{
		{"en", "Fwd:", "Forwarded message:", "From:", "Date:", "Subject:", "To:", "Wed, 1 Jun 2022 09:39:00 +0200", local.Add(-2 * time.Hour)},
	}},
}

const originalText = "Dear customer,\n\nyour parcel waits at https://parcel.example/pay."

// fill writes a forward as the client does.
func (c client) fill(w localeWords) string {
	return fillWith(c.layout, w)
}

func fillWith(layout string, w localeWords) string {
	r := strings.NewReplacer("{sep}", w.sep, "{from}", w.from, "{date}", w.date, "{subject}", w.subject, "{to}", w.to, "{when}", w.when)
	head := r.Replace(layout)
	if i := strings.LastIndexByte(head, '\n'); head[i+1:] == "> " {
		return head + strings.ReplaceAll(originalText, "\n", "\n> ") + "\n"
	}
	return head + originalText + "\n"
}

func forwardMail(subject, body string) string {
	return "From: Reporter <reporter@corp.example>\nTo: phish@corp.example\nSubject: " + subject +
		"\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n" + body
}

func TestInlineForwardsOfAllClients(t *testing.T) {
	type facts struct {
		Style, Client, Name, Email, To, Subject, Text string
		Date                                          time.Time
		Links                                         int
	}
	cases, hits := 0, 0
	for _, c := range clients {
		for _, w := range c.words {
			t.Run(c.name+"/"+w.lang, func(t *testing.T) {
				m := parse(t, forwardMail(w.prefix+" Integer consequat non purus", c.fill(w)))
				o := m.Forward.Original
				got := facts{m.Forward.Style, m.Forward.Client, o.Sender.DisplayName, o.Sender.Email.Email, "", o.Subject, o.Text, o.Date, len(o.Links)}
				if len(o.Recipients.To) > 0 {
					got.To = o.Recipients.To[0].Email.Email
				}
				want := facts{"inline", c.want, "John Doe", "john.doe@acme.example", "bessie.berry@acme.example", "Integer consequat non purus", originalText, w.want, 1}
				cases++
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s\nof %q", diff, o.DateText)
					return
				}
				hits++
			})
		}
	}
	t.Logf("%d of %d forwards read in full", hits, cases)
	if cases < 60 {
		t.Errorf("only %d forwards are tried", cases)
	}
}

func TestAnswersAreNoForwards(t *testing.T) {
	for name, body := range map[string]string{
		"gmail":               "Thanks!\n\nOn Wed, Jun 1, 2022 at 9:39 AM John Doe <john@acme.example> wrote:\n\n> Hello\n> there\n",
		"outlook":             "Thanks!\n\nFrom: John Doe <john@acme.example>\nSent: Wednesday, June 1, 2022 9:39 AM\nTo: Me <me@corp.example>\nSubject: Hello\n\nHello\n",
		"original":            "Danke\n\n-----Ursprüngliche Nachricht-----\nVon: John Doe <john@acme.example>\nGesendet: 1. Juni 2022\nBetreff: Hallo\n\nHallo\n",
		"answer to a forward": "ok\n\nOn Wed, Jun 1, 2022 at 9:39 AM X <x@acme.example> wrote:\n\n> ---------- Forwarded message ---------\n> From: A <a@b.example>\n> Date: Wed, Jun 1, 2022\n> Subject: s\n> To: c@d.example\n",
	} {
		t.Run(name, func(t *testing.T) {
			m := parse(t, forwardMail("Re: Hello", body))
			if m.Forward.IsForward {
				t.Errorf("taken for a forward of %q", m.Forward.Original.Subject)
			}
			if strings.Contains(m.Body.CurrentThread.Text, "John") || len(m.Body.PreviousThreads) == 0 {
				t.Errorf("current thread is %q, %d before it", m.Body.CurrentThread.Text, len(m.Body.PreviousThreads))
			}
		})
	}
}

func TestStolenConversationIsNoForward(t *testing.T) {
	m := parse(t, forwardMail("You have won", "Click here\n\nFrom: A <a@acme.example>\nSent: Thursday, July 7, 2022 6:41 PM\nTo: B <b@acme.example>\nSubject: Re: Laptop\n\nOk\n"))
	if m.Forward.IsForward {
		t.Error("an unrelated quoted conversation is taken for a forward")
	}
}

func TestNestedForwards(t *testing.T) {
	inner := clients[3].fill(clients[3].words[2]) // Outlook, German, inside Gmail, inside Thunderbird
	middle := strings.Replace(clients[0].fill(clients[0].words[0]), originalText+"\n", inner, 1)
	middle = strings.Replace(middle, "john.doe@", "middle@", 1)
	outer := strings.Replace(fillWith(thunderbirdLayout, clients[6].words[0]), originalText+"\n", middle, 1)
	outer = strings.Replace(outer, "john.doe@", "outer@", 1)
	m := parse(t, forwardMail("Fwd: Fwd: WG: Integer consequat non purus", outer))
	got := []string{m.Forward.Original.Sender.Email.Email}
	for _, o := range m.Forward.Inner {
		got = append(got, o.Sender.Email.Email)
	}
	if diff := cmp.Diff([]string{"outer@acme.example", "middle@acme.example", "john.doe@acme.example"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if last := m.Forward.Inner[len(m.Forward.Inner)-1]; last.Text != originalText {
		t.Errorf("innermost text %q", last.Text)
	}
}

func TestForwardInHTMLOnly(t *testing.T) {
	for name, html := range map[string]string{
		"outlook":         `<div>FYI</div><hr><div id="divRplyFwdMsg"><font face="Calibri"><b>Von:</b> John Doe &lt;john.doe@acme.example&gt;<br><b>Gesendet:</b> Mittwoch, 1. Juni 2022 09:39<br><b>An:</b> Bessie &lt;bessie@acme.example&gt;<br><b>Betreff:</b> Rechnung</font></div><div>Bitte <a href="http://evil.example/x">zahlen</a></div>`,
		"outlook desktop": `<div class="WordSection1"><p class="MsoNormal">FYI<o:p></o:p></p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><b><span lang="EN-US">From:</span></b><span lang="EN-US"> John Doe &lt;john.doe@acme.example&gt; <br><b>Sent:</b> Wednesday, June 1, 2022 9:39 AM<br><b>To:</b> Bessie &lt;bessie@acme.example&gt;<br><b>Cc:</b> Berry, Ann &lt;ann@acme.example&gt;; Other &lt;other@acme.example&gt;<br><b>Subject:</b> Rechnung<o:p></o:p></span></p></div></div><p class="MsoNormal"><o:p>&nbsp;</o:p></p><p>Bitte <a href="http://evil.example/x">zahlen</a></p></div>`,
		"outlook mobile":  `<div dir="ltr">FYI</div><div id="ms-outlook-mobile-signature">Get <a href="https://aka.ms/o0ukef">Outlook für iOS</a></div><hr style="display:inline-block;width:98%"><div id="divRplyFwdMsg"><b>Von:</b> John Doe &lt;john.doe@acme.example&gt;<br><b>Datum:</b> Mittwoch, 1. Juni 2022 um 09:39<br><b>An:</b> Bessie &lt;bessie@acme.example&gt;<br><b>Betreff:</b> Rechnung<br></div><div>Bitte <a href="http://evil.example/x">zahlen</a></div>`,
		"apple":           `<html><body>FYI<br><div><br><blockquote type="cite"><div>Anfang der weitergeleiteten Nachricht:</div><br class="Apple-interchange-newline"><div style="margin: 0px;"><span style="font-family: -webkit-system-font;"><b>Von: </b></span><span>John Doe &lt;<a href="mailto:john.doe@acme.example">john.doe@acme.example</a>&gt;<br></span></div><div style="margin: 0px;"><b>Betreff: </b><span><b>Rechnung</b><br></span></div><div style="margin: 0px;"><b>Datum: </b>1. Juni 2022 um 09:39:00 UTC<br></div><div style="margin: 0px;"><b>An: </b>Bessie &lt;bessie@acme.example&gt;<br></div><br><div>Bitte <a href="http://evil.example/x">zahlen</a></div></blockquote></div></body></html>`,
		"yahoo":           `<div class="yahoo-style-wrap"><div>FYI</div><div id="yahoo_quoted_1" class="yahoo_quoted"><div style="font-size:13px"><div>   ----- Weitergeleitete Nachricht -----</div><div><b>Von:</b> John Doe &lt;john.doe@acme.example&gt;</div><div><b>An:</b> "bessie@acme.example" &lt;bessie@acme.example&gt;</div><div><b>Gesendet:</b> Mittwoch, 1. Juni 2022 um 09:39:00 UTC</div><div><b>Betreff:</b> Rechnung</div><div><br></div><div>Bitte <a href="http://evil.example/x">zahlen</a></div></div></div></div>`,
		"labels in cells": `<p>FYI</p><table><tr><td>Von:</td><td>John Doe &lt;john.doe@acme.example&gt;</td></tr><tr><td>Gesendet:</td><td>1. Juni 2022 09:39</td></tr><tr><td>An:</td><td>bessie@acme.example</td></tr><tr><td>Betreff:</td><td>Rechnung</td></tr></table><p>Bitte <a href="http://evil.example/x">zahlen</a></p>`,
		"gmail":           `<div dir="ltr">FYI<span style="display:none">hidden</span><div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message ---------<br>From: <strong>John Doe</strong> <span>&lt;<a href="mailto:john.doe@acme.example">john.doe@acme.example</a>&gt;</span><br>Date: Wed, Jun 1, 2022 at 9:39 AM<br>Subject: Rechnung<br>To: &lt;bessie@acme.example&gt;<br></div><br><br><div>Bitte <a href="http://evil.example/x">zahlen</a></div></div></div>`,
		"thunderbird":     `<p>FYI</p><div class="moz-forward-container"><br>-------- Weitergeleitete Nachricht --------<table class="moz-email-headers-table"><tbody><tr><th>Betreff: </th><td>Rechnung</td></tr><tr><th>Datum: </th><td>Wed, 1 Jun 2022 09:39:00 +0000</td></tr><tr><th>Von: </th><td>John Doe <a href="mailto:john.doe@acme.example">&lt;john.doe@acme.example&gt;</a></td></tr><tr><th>An: </th><td>bessie@acme.example</td></tr></tbody></table><br>Bitte <a href="http://evil.example/x">zahlen</a></div>`,
	} {
		t.Run(name, func(t *testing.T) {
			raw := "From: r@corp.example\nSubject: WG: Rechnung\nContent-Type: text/html; charset=utf-8\n\n" + html
			m := parse(t, raw)
			o := m.Forward.Original
			got := []string{o.Sender.Email.Email, o.Subject, o.Text, fmt.Sprint(o.Date.Unix())}
			want := []string{"john.doe@acme.example", "Rechnung", "Bitte zahlen", fmt.Sprint(local.Unix())}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			if len(o.Links) != 1 || o.Links[0].HrefURL.URL != "http://evil.example/x" || o.Page.DisplayText != "Bitte zahlen" {
				t.Errorf("links %d, page %q", len(o.Links), o.Page.DisplayText)
			}
			if raw := o.Page.Raw; !strings.Contains(raw, "Bitte <a") || strings.Contains(raw, "John") {
				t.Errorf("markup %q", raw)
			}
			if s := o.Links[0].Span; o.Page.InnerText[s.Start:s.End] != "zahlen" {
				t.Errorf("span %v of %q", s, o.Page.InnerText)
			}
		})
	}
}

func TestInnerOriginalsHaveLinks(t *testing.T) {
	raw, err := os.ReadFile("../../examples/rules/corpus/forward-nested.eml")
	if err != nil {
		t.Fatal(err)
	}
	m := parse(t, string(raw))
	if len(m.Forward.Inner) != 1 {
		t.Fatalf("%d inner originals", len(m.Forward.Inner))
	}
	o := m.Forward.Inner[0]
	if len(o.Links) != 1 || o.Links[0].HrefURL.Domain.Domain != "nordhafen-board.click" {
		t.Errorf("links %+v", o.Links)
	}
	// The mail is of 10:12 +0100; the quoted clocks are in its zone.
	if want := time.Date(2026, 3, 5, 8, 58, 0, 0, time.UTC); !o.Date.Equal(want) {
		t.Errorf("date %v, want %v", o.Date, want)
	}
}

func TestInnerOriginalsHavePages(t *testing.T) {
	html := `<p>FYI</p><hr><div><b>Von:</b> Outer &lt;outer@acme.example&gt;<br><b>Gesendet:</b> Mittwoch, 1. Juni 2022 09:39<br><b>An:</b> Bessie &lt;bessie@acme.example&gt;<br><b>Betreff:</b> Fwd: Rechnung</div>` +
		`<p>See <a href="http://outer.example/">this</a><span style="display:none">hidden</span></p><div>---------- Forwarded message ---------<br>From: Inner &lt;inner@acme.example&gt;<br>Date: Wed, Jun 1, 2022 at 9:00 AM<br>Subject: Rechnung<br>To: &lt;outer@acme.example&gt;<br></div><br><div>Bitte <a href="http://evil.example/x">zahlen</a><img src="http://pixel.example/"></div>`
	m := parse(t, "From: r@corp.example\nSubject: WG: Fwd: Rechnung\nContent-Type: text/html; charset=utf-8\n\n"+html)
	if len(m.Forward.Inner) != 1 {
		t.Fatalf("%d inner originals", len(m.Forward.Inner))
	}
	o := m.Forward.Inner[0]
	got := []string{o.Sender.Email.Email, o.Text, o.Page.DisplayText, fmt.Sprint(len(o.Links), len(m.Forward.Original.Links))}
	if diff := cmp.Diff([]string{"inner@acme.example", "Bitte zahlen", "Bitte zahlen", "1 2"}, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if s := o.Links[0].Span; o.Page.InnerText[s.Start:s.End] != "zahlen" || o.Links[0].HrefURL.URL != "http://evil.example/x" {
		t.Errorf("link %+v of %q", o.Links[0], o.Page.InnerText)
	}
	if !strings.HasPrefix(strings.TrimLeft(o.Page.Raw, "<br>/div "), "Bitte <a") || strings.Contains(o.Page.Raw, "Inner") {
		t.Errorf("markup %q", o.Page.Raw)
	}
}

// TestQuotedDatesAreInTheZoneOfTheForwarder: a quoted clock without a zone is
// that of the program which wrote the forward.
func TestQuotedDatesAreInTheZoneOfTheForwarder(t *testing.T) {
	at := func(h, m int) time.Time { return time.Date(2022, 6, 1, h, m, 0, 0, time.UTC) }
	for _, tc := range []struct {
		name, date, quoted string
		want               time.Time
	}{
		{"words", "Wed, 1 Jun 2022 11:30:00 +0100", "Wednesday, June 1, 2022 11:15 AM", at(10, 15)},
		{"west", "Wed, 1 Jun 2022 11:30:00 -0730", "Wednesday, June 1, 2022 11:15 AM", at(18, 45)},
		{"a zone by name", "Wed, 1 Jun 2022 11:30:00 CEST", "Wednesday, June 1, 2022 11:15 AM", at(9, 15)},
		{"a layout of headers", "Wed, 1 Jun 2022 11:30:00 +0100", "2022-06-01 11:15:00", at(10, 15)},
		{"its own zone", "Wed, 1 Jun 2022 11:30:00 +0100", "1. Juni 2022 um 11:15 MESZ", at(9, 15)},
		{"GMT", "Wed, 1 Jun 2022 11:30:00 +0100", "1 June 2022 at 11:15:00 GMT", at(11, 15)},
		{"GMT and an offset", "Wed, 1 Jun 2022 11:30:00 +0100", "1 June 2022 at 11:15:00 GMT+2", at(9, 15)},
		{"no zone anywhere", "Wed, 1 Jun 2022 11:30:00", "Wednesday, June 1, 2022 11:15 AM", at(11, 15)},
		{"no Date", "", "Wednesday, June 1, 2022 11:15 AM", at(11, 15)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := "Date: " + tc.date + "\n" + forwardMail("FW: x", "From: A <a@acme.example>\nSent: "+tc.quoted+"\nTo: B <b@acme.example>\nSubject: x\n\nhello\n")
			if o := parse(t, raw).Forward.Original; !o.Date.Equal(tc.want) {
				t.Errorf("date %v, want %v", o.Date, tc.want)
			}
		})
	}
}

func TestAttachedForward(t *testing.T) {
	raw := "From: r@corp.example\nSubject: phish\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nsee attached\n--b\n" +
		"Content-Type: message/rfc822\nContent-Disposition: attachment; filename=\"mail.eml\"\n\nFrom: Evil <evil@bad.example>\nSubject: You won\nDate: Wed, 1 Jun 2022 09:39:00 +0000\n\nclick http://bad.example/\n--b--\n"
	m := parse(t, raw)
	if m.Forward.Style != "attached" || m.Forward.Original.Sender.Email.Email != "evil@bad.example" || m.Forward.Original.Subject != "You won" {
		t.Errorf("forward %+v", m.Forward)
	}
	if len(m.Nested) != 1 || len(m.Attachments) != 1 || !m.Attachments[0].IsMessage || m.Nested[0].Meta.ID == m.Meta.ID {
		t.Errorf("nested %d, attachments %d", len(m.Nested), len(m.Attachments))
	}
}

func FuzzForward(f *testing.F) {
	for _, c := range clients {
		f.Add("Fwd: x", c.fill(c.words[0]))
	}
	f.Fuzz(func(t *testing.T, subject, body string) {
		m, err := mail.New(mail.Config{}).Parse(context.Background(), engine.Bytes(forwardMail(subject, body)), engine.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		if o := m.Forward.Original; m.Forward.IsForward && m.Forward.Style == "inline" && len(o.Text) > len(body)+len(subject)+3*strings.Count(body, "\xff")+1024 && len(o.Text) > 4*len(body) {
			t.Errorf("the original has %d bytes of a body of %d", len(o.Text), len(body))
		}
	})
}
