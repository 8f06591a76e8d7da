//! The server against docs/openapi.json. That the file has every address and parameter, and no
//! other, is tested beside the routes.

use std::collections::BTreeSet;

use resources_core::service::now_ms;
use resources_core::test_support::eventually;
use serde_json::{Value, json};

use crate::alerts::raise;
use crate::archive::{Archive, past_hour_s};
use crate::dashboard::{Dashboard, analysis};

/// The part of JSON Schema that the file uses; a word that is not checked here is refused.
struct Schemas(Value);

impl Schemas {
    fn load() -> Self {
        Self(serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap())
    }

    /// Panics unless `value` is what `schema` says, with every field it has described.
    fn check(&self, schema: &Value, value: &Value, at: &str) {
        for (word, rule) in schema.as_object().unwrap() {
            let is_met = match word.as_str() {
                "$ref" => {
                    let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                    let referred = self.0.pointer(pointer);
                    self.check(referred.unwrap_or_else(|| panic!("no {rule}")), value, at);
                    true
                }
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|one| is_of(one, value)),
                    one => is_of(one, value),
                },
                "enum" => rule.as_array().unwrap().contains(value),
                "minimum" => value.as_f64() >= rule.as_f64(),
                "maximum" => value.as_f64() <= rule.as_f64(),
                "minItems" => value.as_array().unwrap().len() as u64 >= rule.as_u64().unwrap(),
                "maxItems" => value.as_array().unwrap().len() as u64 <= rule.as_u64().unwrap(),
                "items" => {
                    for (i, item) in value.as_array().unwrap().iter().enumerate() {
                        self.check(rule, item, &format!("{at}[{i}]"));
                    }
                    true
                }
                "prefixItems" => {
                    let schemas = rule.as_array().unwrap();
                    for (i, schema) in schemas.iter().enumerate() {
                        self.check(schema, &value[i], &format!("{at}[{i}]"));
                    }
                    true
                }
                "required" => rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|name| value.get(name.as_str().unwrap()).is_some()),
                "properties" => {
                    for (name, field) in value.as_object().unwrap() {
                        let described = rule.get(name);
                        let described =
                            described.unwrap_or_else(|| panic!("{at}.{name} is not described"));
                        self.check(described, field, &format!("{at}.{name}"));
                    }
                    true
                }
                "description" | "default" => true,
                other => panic!("{at}: {other} is not checked by this test"),
            };
            assert!(is_met, "{at}: {value} is not {word} {rule}");
        }
    }

    fn named(&self, name: &str) -> &Value {
        &self.0["components"]["schemas"][name]
    }
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        other => panic!("{other} is no type"),
    }
}

/// The address with the examples of its parameters in it.
fn example(path: &str, description: &Value) -> String {
    let mut path = path.to_owned();
    let mut separator = '?';
    for parameter in description["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let example = match &parameter["example"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if parameter["in"] == "path" {
            path = path.replace(&format!("{{{name}}}"), &example);
        } else {
            path += &format!("{separator}{name}={example}");
            separator = '&';
        }
    }
    path
}

#[tokio::test]
async fn every_address_answers_as_the_file_says() {
    let archive = Archive::new();
    archive.fill(1, past_hour_s(), 100);
    let dashboard = Dashboard::start(&["--history", &archive.path()]).await;
    raise(&dashboard.bus, "c1d8a04e92b7", "web-1").await;
    let mut sample = analysis("web-1", 3, 1.5);
    sample.timestamp_ms = now_ms();
    dashboard.publish(&sample).await;
    let mut browser = dashboard.connect().await;
    browser.until("web-1", sample.timestamp_ms).await;
    let schemas = Schemas::load();
    for (path, item) in schemas.0["paths"].as_object().unwrap() {
        let Some(description) = item.get("get") else { continue };
        let answers = &description["responses"];
        for asked in [example(path, description), path.replace("{host}", "web-1")] {
            if path == "/ws" {
                continue;
            }
            let answer = dashboard.get(&asked).await;
            assert_eq!(answer.status, 200, "{asked}: {}", answer.text());
            let kind = answer.header("content-type").unwrap().split(';').next().unwrap();
            let content = &answers["200"]["content"][kind];
            assert!(content.is_object(), "{asked}: {kind} is not described");
            let schema = &content["schema"];
            match kind {
                "application/json" => schemas.check(schema, &answer.json(), &asked),
                "application/jsonl" => {
                    for line in
                        answer.whole().split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
                    {
                        schemas.check(schema, &serde_json::from_slice(line).unwrap(), &asked);
                    }
                }
                _ => {}
            }
        }
        // What is refused says so in the words of the file.
        let asked = example(path, description);
        let foreign = dashboard.ask("GET", &asked, &[("host", "evil.example.com")]).await;
        assert!(answers["421"].is_object(), "{path}");
        schemas.check(schemas.named("Error"), &foreign.json(), &asked);
    }
    dashboard.stop().await;
}

#[tokio::test]
async fn what_is_said_to_alerts_is_taken_and_answered_as_the_file_says() {
    let dashboard = Dashboard::start(&[]).await;
    raise(&dashboard.bus, "c1d8a04e92b7", "web-1").await;
    dashboard.connect().await.until_alerts(|alerts| alerts.total == 1).await;
    let schemas = Schemas::load();
    let said = async |method: &str, path: &str, asked: &str, body: Value| {
        let description = &schemas.0["paths"][path][method];
        let content = &description["requestBody"]["content"]["application/json"];
        if content.is_object() {
            schemas.check(&content["schema"], &body, path);
        }
        let method = method.to_uppercase();
        let answer = dashboard.send(&method, asked, &[], &body.to_string()).await;
        let described = &description["responses"][answer.status.to_string()];
        let schema = &described["content"]["application/json"]["schema"];
        assert!(schema.is_object() && answer.status < 300, "{asked}: {}", answer.text());
        schemas.check(schema, &answer.json(), asked);
        // What is refused says so in the words of the file.
        for (headers, body) in [([("origin", "https://evil.example.com")], "{}")] {
            let refused = dashboard.send(&method, asked, &headers, body).await;
            let described = &description["responses"][refused.status.to_string()];
            assert!(described.is_object(), "{asked}: {}", refused.status);
            schemas.check(schemas.named("Error"), &refused.json(), asked);
        }
        answer.json()
    };
    let path = "/api/v1/alerts/{id}/acknowledgement";
    let body = json!({"by": "Ada", "note": "I see."});
    said("post", path, &path.replace("{id}", "c1d8a04e92b7"), body).await;
    let path = "/api/v1/silences";
    let body = json!({
        "host": "web-1", "resource": "cpu", "kind": "level", "for_ms": 60_000, "by": "Ada",
        "reason": "The backup runs."
    });
    let silence = said("post", path, path, body).await;
    let running = async || dashboard.get(path).await.json()["silences"][0].clone();
    eventually("it holds", async || running().await == silence).await;
    let listed = dashboard.get(path).await.json();
    schemas.check(schemas.named("Silences"), &listed, path);
    let path = "/api/v1/silences/{id}";
    let asked = path.replace("{id}", silence["id"].as_str().unwrap());
    said("delete", path, &asked, json!({})).await;
    dashboard.stop().await;
}

#[tokio::test]
async fn every_message_of_the_websocket_is_as_the_file_says() {
    let dashboard = Dashboard::start(&["--history", "memory"]).await;
    let mut browser = dashboard.connect().await;
    let schemas = Schemas::load();
    let look = json!({"type": "look", "rows": [0], "detail": ["web-1", "nobody"]});
    schemas.check(schemas.named("Look"), &look, "Look");
    browser.say(look.to_string()).await;
    // An hour late: as what comes after an outage does.
    for (sequence, age_ms) in [(9, 0), (8, 1_000), (2, 3_600_000)] {
        let mut sample = analysis("web-1", sequence, 1.5);
        sample.timestamp_ms = now_ms() - age_ms;
        dashboard.publish(&sample).await;
    }
    let (mut seen, mut has_analysis) = (BTreeSet::new(), false);
    loop {
        let message = browser.next().await;
        let name = match message["type"].as_str().unwrap() {
            "snapshot" => "Snapshot",
            "changes" => "Changes",
            "link" => "LinkMessage",
            // A machine that is busy lags behind for a moment.
            "history" => "HistoryMessage",
            "pipeline" => "PipelineMessage",
            "points" => "Points",
            "detail" => "Detail",
            other => panic!("{other}"),
        };
        schemas.check(schemas.named(name), &message, name);
        seen.insert(name);
        let late = browser.view.host("web-1").and_then(|(_, host)| host.info.late_samples);
        // In whichever order they come.
        has_analysis |= message["analysis"].is_object();
        if late == Some(1) && seen.contains("Points") && has_analysis {
            break;
        }
    }
    raise(&dashboard.bus, "c1d8a04e92b7", "web-1").await;
    let told = browser.until_alerts(|alerts| alerts.total == 1).await;
    schemas.check(schemas.named("AlertsMessage"), &told, "AlertsMessage");
    let mut late = dashboard.connect().await;
    let told = late.until_alerts(|alerts| alerts.total == 1).await;
    schemas.check(schemas.named("AlertsMessage"), &told, "AlertsMessage");
    let mut browser = dashboard.resume(browser.view).await;
    schemas.check(schemas.named("Resumed"), &browser.next().await, "Resumed");
    dashboard.stop().await;
}
