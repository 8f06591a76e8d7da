//! From text to a filter, or to what is wrong with it.

use std::str::FromStr;

use super::value::{Operand, Order, Text};
use super::{Condition, Filter, Term};

/// Longest text of a filter, in bytes.
const LONGEST_BYTES: usize = 4096;

/// Why a text is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter: {0}")]
pub struct FilterError(String);

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LONGEST_BYTES {
            let bytes = text.len();
            return Err(FilterError(format!("{bytes} bytes, at most {LONGEST_BYTES} are allowed")));
        }
        let terms = split_outside_quotes(text, char::is_whitespace)?;
        let terms: Vec<Term> = terms
            .into_iter()
            .filter(|term| !term.is_empty())
            .map(term)
            .collect::<Result<_, _>>()?;
        if terms.is_empty() {
            let hint = "it is empty; write terms such as `level=HIGH`, or leave it out";
            return Err(FilterError(hint.to_owned()));
        }
        Ok(Self(terms))
    }
}

/// The pieces of `text` between characters that separate; none separates inside quotes.
fn split_outside_quotes(
    text: &str,
    separates: impl Fn(char) -> bool,
) -> Result<Vec<&str>, FilterError> {
    let mut pieces = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '"' {
            quoted = !quoted;
        } else if quoted {
            escaped = c == '\\';
        } else if separates(c) {
            pieces.push(&text[start..at]);
            start = at + c.len_utf8();
        }
    }
    let last = &text[start..];
    if quoted {
        return Err(FilterError(format!("`{last}`: a quote (\") is not closed")));
    }
    pieces.push(last);
    Ok(pieces)
}

fn term(text: &str) -> Result<Term, FilterError> {
    let because = |reason: &str| FilterError(format!("`{text}`: {reason}"));
    let refuse = |reason: &str| Err(because(reason));
    let Some(at) = text.find(['=', '!', '<', '>']) else {
        return refuse(
            "no operator; write `field=value` without spaces, with one of = != < <= > >=",
        );
    };
    let (field, rest) = text.split_at(at);
    if field.split('.').any(str::is_empty) || field.contains(['"', '|', '*']) {
        return refuse(
            "a field comes before the operator: a name such as `level`, `labels.role` or `key`",
        );
    }
    let operators = ["!=", "<=", ">=", "=", "<", ">"];
    let Some((operator, values)) =
        operators.iter().find_map(|known| Some((*known, rest.strip_prefix(known)?)))
    else {
        return refuse("an operator is one of = != < <= > >=");
    };
    if values.is_empty() {
        return refuse("a value follows the operator; an empty one is written \"\"");
    }
    if values.starts_with(['=', '<', '>', '!']) {
        return refuse("an operator is one of = != < <= > >=; a value like this stands in quotes");
    }
    let condition = match (operator, Order::named(operator)) {
        (_, Some(order)) => match Operand::read(values) {
            Some(operand) => Condition::Ordered(order, operand),
            None => {
                return refuse("< <= > >= compare with one number, or with LOW, MEDIUM or HIGH");
            }
        },
        (operator, None) => {
            let texts = split_outside_quotes(values, |c| c == '|')?
                .into_iter()
                .map(|value| read_text(value).map_err(because))
                .collect::<Result<_, _>>()?;
            if operator == "=" { Condition::Is(texts) } else { Condition::IsNot(texts) }
        }
    };
    Ok(Term { field: field.into(), condition })
}

/// One value, with its stars found and its quotes taken off.
fn read_text(value: &str) -> Result<Text, &'static str> {
    if value.is_empty() {
        return Err("a value is empty; an empty one is written \"\"");
    }
    let Some(inner) = value.strip_prefix('"') else {
        if value.contains('"') {
            return Err("quotes stand around the whole value: \"disk full*\"");
        }
        return Ok(Text::new(value.split('*').map(Into::into).collect()));
    };
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    let mut characters = inner.chars();
    loop {
        match characters.next() {
            Some('\\') => piece.extend(characters.next()),
            Some('*') => pieces.push(std::mem::take(&mut piece).into()),
            Some('"') | None => break,
            Some(other) => piece.push(other),
        }
    }
    if characters.next().is_some() {
        return Err("quotes stand around the whole value: \"disk full*\"");
    }
    pieces.push(piece.into());
    Ok(Text::new(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_term_and_what_is_allowed() {
        for (text, expected) in [
            ("", "it is empty"),
            ("   ", "it is empty"),
            ("state=raised level", "`level`: no operator"),
            ("level = HIGH", "`level`: no operator"),
            ("=HIGH", "`=HIGH`: a field comes before"),
            ("labels..role=db", "`labels..role=db`: a field comes before"),
            (".a=1", "a field comes before"),
            ("a*=1", "a field comes before"),
            ("level=", "`level=`: a value follows"),
            ("level=HIGH|", "a value is empty"),
            ("level=|HIGH", "a value is empty"),
            ("level==HIGH", "`level==HIGH`: an operator is one of"),
            ("level=>5", "an operator is one of"),
            ("level!HIGH", "an operator is one of = != < <= > >="),
            ("percentage>much", "`percentage>much`: < <= > >= compare with one number"),
            ("percentage>1|2", "compare with one number"),
            ("percentage>NaN", "compare with one number"),
            ("percentage>1e999", "compare with one number"),
            ("level>high", "LOW, MEDIUM or HIGH"),
            ("note=\"disk full", "`note=\"disk full`: a quote (\") is not closed"),
            ("note=a\"b c\"", "quotes stand around the whole value"),
            ("note=\"a\"b", "quotes stand around the whole value"),
            ("note=\"a\\\"", "is not closed"),
        ] {
            let error = text.parse::<Filter>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let long = format!("note={}", "x".repeat(LONGEST_BYTES));
        assert!(long.parse::<Filter>().unwrap_err().to_string().contains("at most 4096"));
    }
}
