use crate::dashboard::Dashboard;

/// A folder with a page in it.
fn page() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    let files = [
        ("index.html", "<!doctype html><title>mine</title>".to_owned()),
        ("assets/app-1a2b.js", "export {};\n".repeat(100)),
        ("assets/app-1a2b.css", "a{}".repeat(100)),
        (".secret", "hidden".to_owned()),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_folder_is_served_with_types_and_caching() {
    let folder = page();
    let dashboard = Dashboard::start(&["--page-dir", folder.path().to_str().unwrap()]).await;
    let index = dashboard.get("/").await;
    assert_eq!((index.status, index.header("cache-control")), (200, Some("no-cache")));
    assert!(index.header("content-type").unwrap().starts_with("text/html"));
    assert!(index.text().contains("mine"));

    let script = dashboard.get("/assets/app-1a2b.js").await;
    assert_eq!(script.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert!(script.header("content-type").unwrap().starts_with("text/javascript"));
    let style = dashboard.get("/assets/app-1a2b.css").await;
    assert!(style.header("content-type").unwrap().starts_with("text/css"));

    let modified = index.header("last-modified").unwrap();
    let again = dashboard.ask("GET", "/", &[("if-modified-since", modified)]).await;
    assert_eq!((again.status, again.body.len()), (304, 0));

    for path in ["/.secret", "/assets/missing.js", "/assets/../.secret", "/%2e%2e/x"] {
        assert_eq!(dashboard.get(path).await.status, 404, "{path}");
    }
    dashboard.stop().await;
}

#[tokio::test]
async fn text_is_compressed_for_those_who_can_read_it() {
    let folder = page();
    let dashboard = Dashboard::start(&["--page-dir", folder.path().to_str().unwrap()]).await;
    let path = "/assets/app-1a2b.js";
    let plain = dashboard.get(path).await;
    assert_eq!((plain.header("content-encoding"), plain.body.len()), (None, 1100));
    let small = dashboard.ask("GET", path, &[("accept-encoding", "gzip")]).await;
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    assert!(small.body.len() < 500, "{} bytes", small.body.len());
    dashboard.stop().await;
}

#[tokio::test]
async fn a_folder_without_a_page_gives_a_plain_page_that_says_how_to_build_it() {
    let folder = tempfile::tempdir().unwrap();
    let dashboard = Dashboard::start(&["--page-dir", folder.path().to_str().unwrap()]).await;
    for path in ["/", "/index.html"] {
        let answer = dashboard.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().contains("make page"));
        assert!(!answer.text().contains("<style"), "the policy would block it");
    }
    assert_eq!(dashboard.get("/assets/x.js").await.status, 404);
    dashboard.stop().await;
}

#[tokio::test]
async fn the_page_built_in_is_not_sent_again_to_whoever_has_it() {
    let dashboard = Dashboard::start(&[]).await;
    let index = dashboard.get("/").await;
    assert_eq!(index.status, 200);
    assert_eq!(index.header("content-type"), Some("text/html; charset=utf-8"));
    // Without a built page there is only the plain one, which has no tag.
    if let Some(tag) = index.header("etag") {
        let again = dashboard.ask("GET", "/", &[("if-none-match", tag)]).await;
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag)));
        let other = dashboard.ask("GET", "/", &[("if-none-match", "\"other\"")]).await;
        assert_eq!(other.status, 200);
    } else {
        assert!(index.text().contains("make page"));
    }
    dashboard.stop().await;
}

#[tokio::test]
async fn the_page_can_be_installed() {
    let folder = page();
    let public = concat!(env!("CARGO_MANIFEST_DIR"), "/../static/public");
    for file in std::fs::read_dir(public).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    let folder = folder.path().to_str().unwrap();
    let dashboard = Dashboard::start(&["--page-dir", folder, "--base-path", "/monitor"]).await;
    let manifest = dashboard.get("/monitor/manifest.webmanifest").await;
    assert_eq!(manifest.status, 200);
    assert_eq!(manifest.header("content-type"), Some("application/manifest+json"));
    let policy = manifest.header("content-security-policy").unwrap();
    assert!(policy.contains("manifest-src 'self'") && policy.contains("img-src 'self'"));

    let manifest = manifest.json();
    // Relative to the manifest, so that it holds under any base path.
    assert_eq!((&manifest["start_url"], &manifest["scope"]), (&"./".into(), &"./".into()));
    let icons = manifest["icons"].as_array().unwrap();
    assert!(icons.iter().any(|icon| icon["purpose"] == "maskable"));
    for icon in icons {
        let (source, kind) = (icon["src"].as_str().unwrap(), icon["type"].as_str().unwrap());
        let answer = dashboard.get(&format!("/monitor/{source}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{source}");
    }
    let index = include_str!("../../../static/index.html");
    // With credentials, or a proxy that asks for a password refuses it.
    let link =
        r#"<link rel="manifest" crossorigin="use-credentials" href="./manifest.webmanifest" />"#;
    assert!(index.contains(link), "{index}");
    dashboard.stop().await;
}
