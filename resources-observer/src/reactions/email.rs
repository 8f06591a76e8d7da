//! Writes an e-mail.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::time::timeout;
use toml::Spanned;

use super::config::{Mistake, SHORTEST_TIMEOUT, limited};
use super::file::{EmailTable, EmailTls};
use super::notification::Notification;
use super::outbox::MAX_PARALLEL;
use super::secret::{Hidden, Origin};
use super::sender::SendError;
use super::template::{Form, Template};

/// How long it may take to hand over an e-mail unless a reaction says so.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest that it may be allowed to take.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(10 * 60);

const SUBJECT: &str = "[resources] {{ subject }}";

const BODY: &str = "{{ text }}\n";

/// Answers of a server that are about the login or the server, and so about every receiver.
const OF_ALL: [&str; 8] = ["421", "432", "454", "500", "530", "534", "535", "538"];

/// Longest subject, in characters.
const SUBJECT_CHARACTERS: usize = 200;

/// An e-mail to people.
#[derive(Clone)]
pub(super) struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    server: String,
    from: Mailbox,
    to: Vec<Mailbox>,
    subject: Template,
    body: Template,
    timeout: Duration,
    taken: Arc<Mutex<Taken>>,
}

/// Who took which notification already, so that another try is only for the others.
#[derive(Debug, Default)]
struct Taken(VecDeque<(Box<str>, BTreeSet<usize>)>);

impl Taken {
    /// The receivers who took it, by their place in the list of them.
    fn by(&mut self, notification: &str) -> &mut BTreeSet<usize> {
        let known = self.0.iter().position(|(id, _)| **id == *notification);
        let place = known.unwrap_or_else(|| {
            // No more than these are under way.
            self.0.truncate(MAX_PARALLEL - 1);
            self.0.push_front((notification.into(), BTreeSet::new()));
            0
        });
        &mut self.0[place].1
    }
}

/// Why a receiver did not get an e-mail.
struct Refusal {
    class: Cow<'static, str>,
    cause: String,
    /// Whether the server says so of this receiver; otherwise no other is worth trying.
    of_receiver: bool,
    lasting: bool,
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Email").field("place", &self.place()).finish_non_exhaustive()
    }
}

impl Email {
    pub(super) fn new(table: EmailTable) -> Result<Self, Mistake> {
        let EmailTable { server, port, tls, user, password, from, to, subject, body, timeout } =
            table;
        let name = server.get_ref().clone();
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        if !is_name {
            let allowed =
                "server is a name such as \"smtp.example.com\", its port a key of its own";
            return Err(Mistake::of(&server, allowed));
        }
        let from = mailbox(&from)?;
        if to.is_empty() {
            let allowed = "to names at least one receiver: to = [\"ops@example.com\"]";
            return Err(Mistake::of(&server, allowed));
        }
        let to = to.iter().map(mailbox).collect::<Result<_, _>>()?;
        let timeout = limited("timeout", timeout, TIMEOUT, SHORTEST_TIMEOUT..=LONGEST_TIMEOUT)?;
        let parameters = || {
            TlsParameters::new_rustls(name.clone())
                .map_err(|error| Mistake::of(&server, format!("server: {error}")))
        };
        let (security, usual_port) = match tls {
            EmailTls::Starttls => (Tls::Required(parameters()?), 587),
            EmailTls::Implicit => (Tls::Wrapper(parameters()?), 465),
            EmailTls::None => (Tls::None, 25),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(name.clone())
            .port(port.unwrap_or(usual_port))
            .timeout(Some(timeout))
            .tls(security);
        if let Some(login) = login(tls, user, password)? {
            transport = transport.credentials(login);
        }
        Ok(Self {
            transport: transport.build(),
            server: name,
            from,
            to,
            subject: template(subject, SUBJECT)?,
            body: template(body, BODY)?,
            timeout,
            taken: Arc::default(),
        })
    }

    /// The server.
    pub(super) fn place(&self) -> &str {
        &self.server
    }

    /// Who gets it.
    pub(super) fn receivers(&self) -> String {
        self.to.iter().map(|one| one.email.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// How long one try may take.
    pub(super) fn longest_try(&self) -> Duration {
        self.timeout.saturating_mul(u32::try_from(self.to.len()).unwrap_or(u32::MAX))
    }

    pub(super) async fn send(&self, notification: &Notification) -> Result<String, SendError> {
        let message = self.message(notification)?.formatted();
        let server = &self.server;
        let mut refusals = Vec::new();
        for (place, receiver) in self.to.iter().enumerate() {
            if self.taken(|taken| taken.by(&notification.id).contains(&place)) {
                continue;
            }
            match self.hand_over(receiver, &message).await {
                Ok(()) => {
                    self.taken(|taken| taken.by(&notification.id).insert(place));
                }
                Err(refusal) if refusal.of_receiver => refusals.push(refusal),
                Err(Refusal { class, cause, .. }) => return Err(SendError::passing(class, cause)),
            }
        }
        let causes: Vec<&str> = refusals.iter().map(|refusal| &*refusal.cause).collect();
        let causes = causes.join("; ");
        let nobody_took = self.taken(|taken| taken.by(&notification.id).is_empty());
        if nobody_took || refusals.iter().any(|refusal| !refusal.lasting) {
            // Also a lasting refusal is tried again while nobody took it: accounts are mended.
            let class = refusals.first().map_or("refused".into(), |refusal| refusal.class.clone());
            return Err(SendError::passing(class, causes));
        }
        if !refusals.is_empty() {
            tracing::warn!(
                reaction = &*notification.reaction,
                notification = &*notification.id,
                trace_id = notification.trace_id(),
                "not all receivers are told: {causes}"
            );
        }
        let count = self.to.len() - refusals.len();
        Ok(format!("{server} took the e-mail for {count} of {} receivers", self.to.len()))
    }

    fn taken<T>(&self, look: impl FnOnce(&mut Taken) -> T) -> T {
        look(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands an e-mail over for one receiver, whom the server may refuse without harm to others.
    async fn hand_over(&self, receiver: &Mailbox, message: &[u8]) -> Result<(), Refusal> {
        let (server, address) = (&self.server, &receiver.email);
        let passing = |class: &'static str, cause| Refusal {
            class: class.into(),
            cause,
            of_receiver: false,
            lasting: false,
        };
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![address.clone()])
            .map_err(|error| passing("template", error.to_string()))?;
        match timeout(self.timeout, self.transport.send_raw(&envelope, message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                let code = error.status().map(|code| code.to_string());
                let class = match &code {
                    Some(code) => format!("smtp_{code}").into(),
                    None if error.is_timeout() => "timeout".into(),
                    None if error.is_tls() => "tls".into(),
                    None => "connect".into(),
                };
                Err(Refusal {
                    class,
                    cause: format!(
                        "{server} did not take the e-mail for {address}: {}",
                        causes(&error)
                    ),
                    of_receiver: code.is_some_and(|code| !OF_ALL.contains(&&*code)),
                    lasting: error.is_permanent(),
                })
            }
            Err(_) => {
                let limit = humantime::format_duration(self.timeout);
                let cause = format!("{server} did not take the e-mail within {limit}");
                Err(passing("timeout", cause))
            }
        }
    }

    fn message(&self, notification: &Notification) -> Result<Message, SendError> {
        let subject = self.subject.render(notification).map_err(SendError::unwritable)?;
        let body = self.body.render(notification).map_err(SendError::unwritable)?;
        let shown = |c: char| if c.is_control() { ' ' } else { c };
        let subject: String = subject.trim().chars().map(shown).take(SUBJECT_CHARACTERS).collect();
        let domain = self.from.email.domain();
        let mut message = Message::builder()
            .from(self.from.clone())
            .mailbox(lettre::message::header::To::from(Mailboxes::from_iter(self.to.clone())))
            .subject(subject)
            .message_id(Some(format!("<{}@{domain}>", notification.id)))
            .header(ContentType::TEXT_PLAIN)
            .body(body)
            .map_err(SendError::unwritable)?;
        // Nobody's out-of-office note comes back for it.
        let mut add = |name: &'static str, value: &str| {
            let name = HeaderName::new_from_ascii_str(name);
            message.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
        };
        add("Auto-Submitted", "auto-generated");
        if let Some(trace) = &notification.traceparent {
            add("Traceparent", trace);
        }
        Ok(message)
    }
}

fn mailbox(text: &Spanned<String>) -> Result<Mailbox, Mistake> {
    text.get_ref().parse().map_err(|error| {
        let allowed = "write ops@example.com or \"Operations <ops@example.com>\"";
        Mistake::of(text, format!("{:?} is no address ({error}); {allowed}", text.get_ref()))
    })
}

fn login(
    tls: EmailTls,
    user: Option<Spanned<Origin>>,
    password: Option<Spanned<Origin>>,
) -> Result<Option<Credentials>, Mistake> {
    let fetch = |origin: &Spanned<Origin>| -> Result<Hidden, Mistake> {
        origin.get_ref().clone().fetch().map_err(|reason| Mistake::of(origin, reason))
    };
    match (user, password) {
        (None, None) => Ok(None),
        (Some(user), Some(_)) if tls == EmailTls::None => {
            Err(Mistake::of(&user, "a login goes over TLS only; leave it out, or tls = \"none\""))
        }
        (Some(user), Some(password)) => {
            let (user, password) = (fetch(&user)?, fetch(&password)?);
            let text = |hidden: &Hidden| hidden.reveal().to_owned();
            Ok(Some(Credentials::new(text(&user), text(&password))))
        }
        (Some(one), None) | (None, Some(one)) => {
            Err(Mistake::of(&one, "user and password go together"))
        }
    }
}

fn template(given: Option<Spanned<String>>, usual: &str) -> Result<Template, Mistake> {
    match given {
        Some(source) => Template::new(source.get_ref().clone(), Form::Plain)
            .map_err(|reason| Mistake::of(&source, reason)),
        None => Template::new(usual.to_owned(), Form::Plain)
            .map_err(|reason| Mistake::of(&Spanned::new(0..0, ()), reason)),
    }
}

/// An error and its causes, in a line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text.replace(['\r', '\n'], " ")
}
