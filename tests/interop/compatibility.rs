//! The page lists the endpoints that tests call on both servers.

use std::fs;

use support::compatibility::{Column, endpoints_in, is_on_the_page};

#[test]
fn the_page_says_what_is_tested_here() {
    let folder = env!("CARGO_MANIFEST_DIR");
    let tests = fs::read_dir(format!("{folder}/interop")).unwrap().map(|file| file.unwrap().path());
    let sources =
        tests.filter(|path| !path.ends_with("compatibility.rs")).chain([format!("{folder}/support/peer.rs").into()]);
    let source: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    let found = endpoints_in(&source).into_iter().map(|endpoint| (endpoint, "yes".into())).collect();
    is_on_the_page(Column::Together, &found);
}
