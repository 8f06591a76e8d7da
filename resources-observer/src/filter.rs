//! Which events count: conditions on their fields, written as text.
//!
//! ```
//! use resources_observer::filter::Filter;
//! use serde_json::json;
//!
//! let filter: Filter = "level=HIGH|MEDIUM host=web-* percentage>=90".parse()?;
//! let alert = json!({"host": "web-7", "level": "HIGH", "percentage": 93.5});
//! assert!(filter.matches("web-7.alert", &alert));
//! # Ok::<(), resources_observer::filter::FilterError>(())
//! ```
//!
//! - A filter is terms with spaces between them; all must hold.
//! - A term is a field, an operator and a value: `=` and `!=` compare text, numbers and `true` or
//!   `false`; `<`, `<=`, `>` and `>=` compare numbers, and the levels `LOW`, `MEDIUM` and `HIGH`.
//! - `|` separates values of which one must be equal: `kind=silent|stopped`.
//! - `*` stands for any characters: `host=web-*`. So `resource=*` holds where there is such a
//!   field, and `resource!=*` where there is none.
//! - Dots go down into objects: `labels.role=db`. A list is equal to what one of its elements is
//!   equal to: `disks.level=HIGH`.
//! - `key` is the routing key, not a field.
//! - A value with spaces or any of `|"` stands in quotes: `note="disk full"`. Inside them a
//!   backslash takes the next character as it is, so that `"\*"` is a star.
//! - `!=` is the opposite of `=`, so it holds where there is no such field; the other operators
//!   do not.

mod fields;
mod parse;
mod value;

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

pub(crate) use fields::Values;
pub use parse::FilterError;
use value::{Operand, Order, Text};

/// Conditions on an event, all of which must hold; see the [module](self) for how they are
/// written. The default has none and takes every event.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter(Vec<Term>);

/// One condition.
#[derive(Debug, Clone, PartialEq)]
struct Term {
    field: Box<str>,
    condition: Condition,
}

/// What must hold of a field.
#[derive(Debug, Clone, PartialEq)]
enum Condition {
    /// It is one of these.
    Is(Vec<Text>),
    /// It is none of these.
    IsNot(Vec<Text>),
    /// It is on this side of a number or a level.
    Ordered(Order, Operand),
}

impl Filter {
    /// Whether the event with routing key `key` and this body counts.
    #[must_use]
    pub fn matches(&self, key: &str, body: &Value) -> bool {
        self.0.iter().all(|term| term.holds(key, body))
    }

    /// Whether every event counts, because there is no condition.
    #[must_use]
    pub const fn takes_everything(&self) -> bool {
        self.0.is_empty()
    }
}

impl Term {
    fn holds(&self, key: &str, body: &Value) -> bool {
        let any = |test: &dyn Fn(&Value) -> bool| {
            if &*self.field == "key" {
                test(&Value::from(key))
            } else {
                any_at(body, &self.field, test)
            }
        };
        match &self.condition {
            Condition::Is(texts) => any(&|value| texts.iter().any(|text| text.is(value))),
            Condition::IsNot(texts) => !any(&|value| texts.iter().any(|text| text.is(value))),
            Condition::Ordered(order, operand) => any(&|value| operand.holds(*order, value)),
        }
    }
}

/// Whether `test` holds for what stands at `path` in `value`, or in one of its elements where a
/// list is on the way.
fn any_at(value: &Value, path: &str, test: &dyn Fn(&Value) -> bool) -> bool {
    if let Value::Array(elements) = value {
        return elements.iter().any(|element| any_at(element, path, test));
    }
    if path.is_empty() {
        return test(value);
    }
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    value.get(name).is_some_and(|below| any_at(below, rest, test))
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, term) in self.0.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.field)?;
        let (operator, texts) = match &self.condition {
            Condition::Is(texts) => ("=", texts),
            Condition::IsNot(texts) => ("!=", texts),
            Condition::Ordered(order, operand) => return write!(f, "{order}{operand}"),
        };
        f.write_str(operator)?;
        for (at, text) in texts.iter().enumerate() {
            let bar = if at == 0 { "" } else { "|" };
            write!(f, "{bar}{text}")?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn holds(filter: &str, body: &Value) -> bool {
        filter.parse::<Filter>().unwrap().matches("web-1.eu.alert", body)
    }

    #[test]
    fn takes_what_all_terms_hold_for() {
        let alert = json!({
            "host": "web-1.eu", "state": "raised", "kind": "level", "level": "HIGH",
            "percentage": 93.5, "since_ms": u64::MAX, "note": "disk full | \"really\"",
            "restarted": true, "gone": null, "labels": {"role": "db", "a": {"b": 1}},
            "disks": [{"mount": "/", "level": "LOW"}, {"mount": "/data", "level": "HIGH"}],
            "tags": ["red", "blue"], "none": [],
        });
        for (filter, expected) in [
            ("level=HIGH", true),
            ("level=high", false),
            ("level=HIGH state=raised", true),
            ("level=HIGH state=cleared", false),
            ("  level=HIGH \t state=raised\n", true),
            ("level=LOW|HIGH", true),
            ("level=LOW|MEDIUM", false),
            ("level!=LOW|MEDIUM", true),
            ("level!=LOW|HIGH", false),
            ("level>=MEDIUM", true),
            ("level>HIGH", false),
            ("level<=HIGH", true),
            ("host>=MEDIUM", false),
            ("host=web-*", true),
            ("host=*-1.*", true),
            ("host=web-*eu.*eu", false),
            ("host=*", true),
            ("host!=db*", true),
            ("key=*.alert", true),
            ("key=web-1.eu.alert|x", true),
            ("key!=*.alert", false),
            ("percentage>93", true),
            ("percentage>=93.5 percentage<=93.5", true),
            ("percentage<93.5", false),
            ("percentage>93.5", false),
            ("percentage=93.50", true),
            ("percentage=9*", true),
            ("percentage>-1", true),
            ("since_ms=18446744073709551615", true),
            ("since_ms=18446744073709551614", false),
            ("since_ms>18446744073709551614", true),
            ("level>90", false),
            ("restarted=true", true),
            ("restarted!=true", false),
            ("gone=null", true),
            ("resource=*", false),
            ("resource!=*", true),
            ("resource!=cpu", true),
            ("resource=cpu", false),
            ("resource<5", false),
            ("labels.role=db", true),
            ("labels.a.b=1", true),
            ("labels.a.b.c=1", false),
            ("labels=*", true),
            ("labels=db", false),
            ("labels.role.x!=1", true),
            ("disks.level=HIGH", true),
            ("disks.level=MEDIUM", false),
            ("disks.level!=HIGH", false),
            ("tags=blue", true),
            ("tags!=green", true),
            ("none=*", false),
            (r#"note="disk full*""#, true),
            (r#"note="disk full | \"really\"""#, true),
            (r#"note="disk full \*""#, false),
            (r#"host="web-1.eu""#, true),
            (r#"host="""#, false),
        ] {
            assert_eq!(holds(filter, &alert), expected, "{filter}");
        }
        assert!(Filter::default().matches("any", &json!(null)));
        assert!(Filter::default().takes_everything());
    }

    #[test]
    fn a_body_that_is_no_object_has_no_fields() {
        for body in [json!(null), json!("text"), json!(5)] {
            assert!(!holds("level=*", &body), "{body}");
            assert!(holds("key=web-1.*", &body), "{body}");
        }
        assert!(holds("level=HIGH", &json!([{"level": "LOW"}, {"level": "HIGH"}])));
    }

    #[test]
    fn reads_from_a_rules_file_and_says_what_is_wrong_there() {
        #[derive(Debug, Deserialize)]
        struct Route {
            #[serde(rename = "where")]
            filter: Filter,
        }
        let route: Route = toml::from_str(r#"where = "level=HIGH labels.role=db""#).unwrap();
        assert_eq!(route.filter, "level=HIGH labels.role=db".parse().unwrap());
        let error = toml::from_str::<Route>("# routes\nwhere = \"level=\"").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert!(error.message().contains("`level=`"), "{error}");
    }

    /// Any value as JSON reads it, so that a filter of it must be written back the same.
    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![r#"[a-z*|"\\ =<>!]{0,8}"#, ".{0,12}", "-?[0-9]{1,20}", "HIGH|LOW"]
    }

    fn quoted(text: &str) -> String {
        let escape = |c: char| match c {
            '"' | '\\' | '*' => format!("\\{c}"),
            _ => c.to_string(),
        };
        format!("\"{}\"", text.chars().map(escape).collect::<String>())
    }

    proptest! {
        #[test]
        fn a_filter_shown_reads_back_the_same(
            text in prop_oneof![
                ".{0,40}",
                r#"([a-z.]{1,4}(=|!=|<|<=|>|>=)("[a-z*| ]{0,4}"|[a-z*|]{1,4}|-?[0-9]{1,3}|HIGH) ?){1,4}"#,
            ],
        ) {
            if let Ok(filter) = text.parse::<Filter>() {
                let shown = filter.to_string();
                prop_assert_eq!(shown.parse::<Filter>(), Ok(filter), "{}", shown);
            }
        }

        #[test]
        fn a_quoted_text_is_equal_to_itself_and_shown_so_that_it_stays(text in any_text()) {
            let body = json!({ "note": &text });
            let filter: Filter = format!("note={}", quoted(&text)).parse().unwrap();
            prop_assert!(filter.matches("", &body), "{}", filter);
            let other = json!({ "note": format!("{text}.") });
            prop_assert!(!filter.matches("", &other), "{}", filter);
            prop_assert_eq!(filter.to_string().parse::<Filter>().unwrap(), filter);
        }

        #[test]
        fn not_equal_is_the_opposite_of_equal(
            value in "[a-c*]{1,4}(\\|[a-c*]{1,3})?",
            text in prop::option::of("[a-c]{0,5}"),
        ) {
            let body = text.map_or_else(|| json!({}), |text| json!({ "a": text }));
            let equal: Filter = format!("a={value}").parse().unwrap();
            let unequal: Filter = format!("a!={value}").parse().unwrap();
            prop_assert_ne!(equal.matches("", &body), unequal.matches("", &body));
        }
    }
}
