//! The strict reader of JSON.

use crate::store::json::Json;
use crate::store::json::Stop;

/// Takes one value and the end; the offset of the flaw, if there is one.
fn skip(text: &str) -> Result<(), u64> {
    let mut json = Json::new(text.as_bytes(), 0);
    let result = json.skip_value(1000).and_then(|()| json.padding(b" \n", "the end"));
    result.map_err(|stop| match stop {
        Stop::Flaw(flaw) => flaw.offset,
        Stop::Io(_) => panic!("memory cannot fail"),
    })
}

#[track_caller]
fn check(text: &str, expected: Result<(), u64>) {
    assert_eq!(skip(text), expected, "{text}");
}

#[test]
fn values_are_skipped_or_refused() {
    check("{}", Ok(()));
    check("[]", Ok(()));
    check(r#"{"a": [1, -2.5e3, {"b": null}, []], "c": {"d": true}} "#, Ok(()));
    check(r#""\u00e9\ud83d\ude00\n""#, Ok(()));
    check(r#""\ud83d""#, Err(3));
    check(r#""\udc00\udc00""#, Err(3));
    check("[1,]", Err(3));
    check("[1 2]", Err(3));
    check(r#"{"a" 1}"#, Err(5));
    check(r#"{"a": }"#, Err(6));
    check("{,}", Err(1));
    check("nul", Err(3));
    check("\"a\nb\"", Err(2));
    check("\"a", Err(2));
    check("1 2", Err(2));
    check("", Err(0));
    check(&"[".repeat(100), Err(64));
    check(&format!("{}{}", "[".repeat(64), "]".repeat(64)), Ok(()));
}

#[test]
fn strings_are_decoded() {
    let mut json = Json::new(r#""a\"\\\/\b\f\n\r\t\u0041\ud83d\ude00é""#.as_bytes(), 0);
    let Ok(text) = json.string(100) else { panic!("it is well formed") };
    assert_eq!(text, "a\"\\/\u{8}\u{c}\n\r\tA😀é");
}

#[test]
fn numbers_are_whole() {
    let number = |text: &str| Json::new(text.as_bytes(), 0).number().ok();
    assert_eq!(number(" 18446744073709551615"), Some(u64::MAX));
    assert_eq!(number("0"), Some(0));
    for text in ["18446744073709551616", "1.0", "-0", "01", "1e3", "+1", "\"4\"", "NaN", ""] {
        assert_eq!(number(text), None, "{text}");
    }
}
