//! Texts with the figures of a notification in them.

use std::sync::Arc;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::notification::Notification;

/// Name of the one template of an environment.
const NAME: &str = "template";

/// Steps a template may take: enough for a thousand alerts, and not for ever.
const FUEL: u64 = 1_000_000;

/// Longest text a template may make, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// What a template may name.
const VARIABLES: [&str; 9] = [
    "alerts",
    "group",
    "id",
    "page_url",
    "reaction",
    "subject",
    "text",
    "traceparent",
    "truncated",
];

/// What a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON: `{{ text }}` writes a text in quotes, with whatever is in it escaped.
    Json,
    /// HTML: marks are escaped.
    Html,
    /// As it is.
    Plain,
}

/// A template that was tried with notifications made up.
#[derive(Debug, Clone)]
pub(super) struct Template {
    environment: Arc<Environment<'static>>,
}

impl Template {
    /// Reads a template and tries it.
    ///
    /// # Errors
    /// Says what is wrong, in which line of the template.
    pub(super) fn new(source: String, form: Form) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        // A single alert has no resource, another no level: that is nothing, and no mistake.
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_auto_escape_callback(move |_| match form {
            Form::Json => AutoEscape::Json,
            Form::Html => AutoEscape::Html,
            Form::Plain => AutoEscape::None,
        });
        environment.add_template_owned(NAME, source).map_err(|error| one_line(&error))?;
        let template = Self { environment: Arc::new(environment) };
        template.check_variables()?;
        for several in [false, true] {
            let text = template.render(&Notification::made_up("test", 0, None, several))?;
            if form == Form::Json
                && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text)
            {
                return Err(format!(
                    "the template makes no JSON ({error}); {{{{ text }}}} writes its own quotes"
                ));
            }
        }
        Ok(template)
    }

    fn check_variables(&self) -> Result<(), String> {
        let template = self.environment.get_template(NAME).map_err(|error| one_line(&error))?;
        let mut unknown: Vec<String> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|name| !VARIABLES.contains(&name.as_str()))
            .filter(|name| !self.environment.globals().any(|(global, _)| global == name))
            .collect();
        unknown.sort();
        match unknown.first() {
            None => Ok(()),
            Some(name) => {
                Err(format!("the template names {name}, but there is only {VARIABLES:?}")
                    .replace(['[', ']', '"'], ""))
            }
        }
    }

    /// The text for one notification.
    ///
    /// # Errors
    /// Says what failed, in which line.
    pub(super) fn render(&self, notification: &Notification) -> Result<String, String> {
        let known = Value::from(Serde(notification));
        let more = context! { subject => notification.subject(), text => notification.text() };
        let context = context! { ..more, ..known };
        let text = self
            .environment
            .get_template(NAME)
            .and_then(|template| template.render(context))
            .map_err(|error| one_line(&error))?;
        if text.len() > MAX_BYTES {
            return Err(format!("the template made {} bytes, more than {MAX_BYTES}", text.len()));
        }
        Ok(text)
    }
}

fn one_line(error: &minijinja::Error) -> String {
    let at = error.line().map_or(String::new(), |line| format!(" in its line {line}"));
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    format!("the template cannot be used{at}: {}", detail.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str, form: Form) -> Result<String, String> {
        let notification = Notification::made_up("chat", 0, None, true);
        Template::new(source.to_owned(), form)?.render(&notification)
    }

    #[test]
    fn a_template_is_escaped_as_its_form_asks() {
        let json = r#"{"text": {{ "a \"quoted\" " ~ subject }}, "n": {{ group.count }}}"#;
        let expected = r#"{"text": "a \"quoted\" 3 alerts: 2 raised, 1 cleared", "n": 3}"#;
        assert_eq!(render(json, Form::Json).unwrap(), expected);
        let html = "<b>{{ '<' ~ alerts[0].host }}</b>";
        assert_eq!(render(html, Form::Html).unwrap(), "<b>&lt;example-host</b>");
        let plain = "{% for alert in alerts %}{{ alert.host }} {{ alert.resource }},{% endfor %}";
        assert_eq!(render(plain, Form::Plain).unwrap(), "example-host cpu,other-host ,");
    }

    #[test]
    fn what_cannot_be_used_is_found_before_it_is_needed() {
        for (source, form, words) in [
            ("a\n{% if %}", Form::Plain, "in its line 2"),
            ("{{ txet }}", Form::Plain, "names txet, but there is only alerts, group"),
            ("{\"text\": \"{{ text }}\"}", Form::Json, "no JSON"),
            ("{{ text | no_such }}", Form::Plain, "no_such"),
            (
                "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
                Form::Plain,
                "fuel",
            ),
        ] {
            let error = render(source, form).unwrap_err();
            assert!(error.contains(words), "{source}: {error}");
        }
    }
}
