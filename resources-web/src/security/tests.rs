use axum::body::Body;

use super::*;

fn guard(loopback: bool) -> Guard {
    let hosts = vec![HostRule::parse("dash.example.com").unwrap()];
    let origins = vec![OriginRule::parse("https://other.example.com").unwrap()];
    Guard::new(loopback, hosts, origins)
}

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
}

#[test]
fn on_loopback_only_loopback_names_and_allowed_ones_are_served() {
    for (host, allowed) in [
        ("localhost", true),
        ("LOCALHOST", true),
        ("app.localhost", true),
        ("127.0.0.1", true),
        ("127.8.9.1", true),
        ("[::1]", true),
        ("dash.example.com", true),
        ("Dash.Example.com", true),
        ("evil.example.com", false),
        ("localhost.evil.example.com", false),
        ("127.0.0.1.evil.example.com", false),
        ("notlocalhost", false),
        ("192.0.2.7", false),
        ("[2001:db8::7]", false),
    ] {
        assert_eq!(guard(true).allows_host(host), allowed, "{host}");
    }
}

#[test]
fn a_server_for_others_is_known_by_any_name_until_one_is_given() {
    assert!(Guard::new(false, vec![], vec![]).allows_host("anything.example.com"));
    assert!(!guard(false).allows_host("evil.example.com"));
    assert!(guard(false).allows_host("127.0.0.1"), "its own health check");
}

#[test]
fn the_name_in_the_request_line_counts_before_the_header() {
    let request = |uri: &str, hosts: &[&str]| {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.parse().unwrap();
        for host in hosts {
            request.headers_mut().append(HOST, host.parse().unwrap());
        }
        request
    };
    let status = |request: &Request| {
        guard(true).check_host(request).map_err(|error| error.into_response().status())
    };
    assert_eq!(status(&request("/", &["localhost:8888"])), Ok(()));
    let misdirected = Err(StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(status(&request("http://evil.example.com/", &["localhost"])), misdirected);
    assert_eq!(status(&request("/", &["evil.example.com:8888"])), misdirected);
    let bad = Err(StatusCode::BAD_REQUEST);
    assert_eq!(status(&request("/", &[])), bad);
    assert_eq!(status(&request("/", &["localhost", "evil.example.com"])), bad);
    assert_eq!(status(&request("/", &["a b"])), bad);
}

#[test]
fn a_page_may_connect_to_where_it_came_from() {
    for (origin, host, allowed) in [
        ("http://localhost:8888", "localhost:8888", true),
        ("http://LOCALHOST:8888", "localhost:8888", true),
        ("http://[::1]:8888", "[::1]:8888", true),
        ("https://dash.example.com", "dash.example.com", true),
        ("https://dash.example.com", "dash.example.com:443", true),
        ("http://dash.example.com", "dash.example.com:80", true),
        ("https://other.example.com", "dash.example.com", true),
        ("http://other.example.com", "dash.example.com", false),
        ("https://other.example.com:444", "dash.example.com", false),
        ("http://localhost:3000", "localhost:8888", false),
        ("http://evil.example.com", "localhost:8888", false),
        ("http://localhost:8888.evil.example.com", "localhost:8888", false),
        ("null", "localhost:8888", false),
        ("", "localhost:8888", false),
        ("file://localhost", "localhost", false),
    ] {
        let checked = guard(true).check_origin(&headers(&[(ORIGIN, origin), (HOST, host)]));
        assert_eq!(checked.is_ok(), allowed, "{origin:?} at {host}");
    }
}

#[test]
fn a_program_without_an_origin_may_connect_but_two_origins_may_not() {
    assert!(guard(true).check_origin(&headers(&[(HOST, "localhost")])).is_ok());
    let mut two = headers(&[(HOST, "localhost"), (ORIGIN, "http://localhost")]);
    two.append(ORIGIN, "http://evil.example.com".parse().unwrap());
    assert!(guard(true).check_origin(&two).is_err());
}

#[test]
fn rules_are_checked_when_they_are_given() {
    for text in ["http://a", "a:80", "a/b", ""] {
        assert!(HostRule::parse(text).is_err(), "{text:?}");
    }
    for text in ["a.example.com", "https://a/b", "ftp://a", "https://me@a", "https://a?b", "*"] {
        assert!(OriginRule::parse(text).is_err(), "{text:?}");
    }
}
