//! What the README shows is what compiles.

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let readme = include_str!("../../../README.md");
    let example = include_str!("../../examples/high_hosts.rs");
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    assert!(example.ends_with(shown.unwrap()), "README.md and examples/high_hosts.rs differ");
}
