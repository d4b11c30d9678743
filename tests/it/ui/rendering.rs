//! The formats, with hostile and large texts.

use blend::diag::Code;
use blend::diag::Problem;
use blend::diag::Problems;
use blend::diag::render::Format;
use blend::diag::render::render;
use blend::text::Sources;
use blend::text::Span;
use std::time::Duration;
use std::time::Instant;

/// A problem at the first place of `what` in a text.
fn at(text: &str, what: &str) -> (Problems, Sources) {
    let mut sources = Sources::default();
    let source = sources.add("recipes/\u{1b}[31mred.blend", text);
    let start = text.find(what).expect("it is there");
    let site = Span::new(start, start + what.len()).at(source.id);
    let problem = Problem::new(Code("E0201"), "the name `x\u{1b}[2J\u{202e}y\n` is not defined")
        .at(site, "nothing is\u{7} called this")
        .help("write `a\r\u{9b}b`")
        .note("a note\u{0}")
        .edit(site, "a");
    (problem.into(), sources)
}

#[track_caller]
fn check(text: &str, what: &str, expected_line: &str) {
    let (problems, sources) = at(text, what);
    let start = Instant::now();
    for color in [false, true] {
        let shown = render(&problems, &sources, Format::Human, color, 80);
        let allowed = |c: char| !c.is_control() || c == '\n' || (color && c == '\u{1b}');
        assert!(shown.chars().all(allowed), "{shown:?}");
        assert!(!shown.contains(['\u{202e}', '\u{200b}']) && !shown.contains("\u{1b}[2J"), "{shown:?}");
        if !color {
            assert!(shown.contains(expected_line), "no `{expected_line}` in\n{shown}");
        }
    }
    let short = render(&problems, &sources, Format::Short, false, 80);
    assert_eq!(short.lines().count(), 1);
    assert!(short.chars().all(|c| !c.is_control() || c == '\n'), "{short:?}");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn lines_are_shown_safely() {
    check("let a = x\n", "x", "1 │ let a = x\n");
    check("let a = x", "x", "1 │ let a = x\n");
    check("let a = x\r\nlet b = 1\r\n", "x", "1 │ let a = x\n");
    check("\tlet\ta = x\n", "x", "1 │     let a = x\n");
    check("let \u{1b}[2Ja = x\n", "x", "1 │ let \\u{1b}[2Ja = x\n");
    check("let \u{202e}a\u{200b} = x\n", "x", "1 │ let \\u{202e}a\\u{200b} = x\n");
    check("let a = x\u{0}\n", "x", "1 │ let a = x\\u{0}\n");
    check("# ä漢字é\nlet ä漢 = x # é\n\n", "x", "2 │ let ä漢 = x # é\n");
    check("\u{feff}let a = x\n", "x", "\\u{feff}let a = x");
    // The end of the text, with and without a last line end.
    check("let a =\n\n\n\nx", "x", "5 │ x\n");
    check("match {\n a\n b\n c\n}\n", "match {\n a\n b\n c\n}", "5 │ ├─▶ }");
}

#[test]
fn places_beyond_the_text_do_not_panic() {
    let mut sources = Sources::default();
    let source = sources.add("a.blend", "let ä\r\n");
    let end = source.text.len();
    for (start, stop) in
        [(0, 0), (4, 5), (5, 6), (6, 7), (7, 8), (end, end), (end, end + 9), (end + 3, end + 9), (5, 5)]
    {
        let problems = Problems::from(Problem::new(Code("E0201"), "m").at(Span::new(start, stop).at(source.id), "l"));
        for format in [Format::Human, Format::Short, Format::Json, Format::Github, Format::Sarif] {
            assert!(render(&problems, &sources, format, false, 80).contains("E0201"), "{start}..{stop}");
        }
    }
    let problems = Problems::from(Problem::new(Code("E0201"), "no place"));
    assert_eq!(render(&problems, &Sources::default(), Format::Short, false, 80), "error[E0201]: no place\n");
    assert!(render(&problems, &Sources::default(), Format::Human, false, 10).contains("no place"));
    assert_eq!(render(&Problems::default(), &sources, Format::Human, false, 80), "");
}

#[test]
fn long_lines_and_large_texts_are_cut() {
    let long = format!("let a = {}x{}\n", "1 + ".repeat(100_000), " + 1".repeat(100_000));
    check(&long, "x", "+ 1 + 1 + x + 1");
    let (problems, sources) = at(&long, "x");
    let shown = render(&problems, &sources, Format::Human, false, 80);
    assert!(shown.lines().all(|line| line.chars().count() < 250), "{shown}");
    let wide = format!("let a = {}x{}\n", "漢".repeat(100_000), "字".repeat(100_000));
    check(&wide, "x", "漢漢x字");
    let many = format!("{}let a = x\n{}", "# line\n".repeat(500_000), "# line\n".repeat(500_000));
    check(&many, "x", "500001 │ let a = x");
    // A label over a thousand lines points at the first.
    let tall = format!("let a = match {{\n{}}}\n", "  a => 1\n".repeat(1_000));
    let (problems, sources) = at(&tall, &tall["let a = ".len()..tall.len() - 1]);
    assert!(render(&problems, &sources, Format::Human, false, 80).lines().count() < 20);
}

#[test]
fn a_flood_is_counted() {
    let mut sources = Sources::default();
    let source = sources.add("a.blend", "x\n".repeat(5_000));
    let mut problems = Problems::default();
    for line in 0..5_000 {
        problems.push(Problem::new(Code("E0201"), "m").at(Span::new(2 * line, 2 * line + 1).at(source.id), "l"));
        problems.push(Problem::new(Code("W0401"), "m").at(Span::new(2 * line, 2 * line + 1).at(source.id), "l"));
    }
    let shown = render(&problems, &sources, Format::Human, false, 80);
    assert!(shown.ends_with("and 9900 more: `--message-format short` lists all\n5000 errors, 5000 warnings; `blend explain E0201` says more\n"));
    assert_eq!(render(&problems, &sources, Format::Short, false, 80).lines().count(), 10_000);
}

#[test]
fn json_is_stable() {
    let mut sources = Sources::default();
    let first = sources.add("a.blend", "# ä\nlet b = ä\n");
    let other = sources.add("b.blend", "let c = 1\n");
    let site = Span::new(13, 15).at(first.id);
    let problem = Problem::new(Code("E0201"), "the name `ä` is not defined")
        .at(site, "nothing is called this")
        .because(Span::new(4, 5).at(other.id), "near")
        .help("write `c`")
        .note("n")
        .edit(site, "c");
    let expected = concat!(
        r#"{"code":"E0201","severity":"error","message":"the name `ä` is not defined","labels":["#,
        r#"{"file":"a.blend","line":2,"column":9,"end_line":2,"end_column":10,"start":13,"end":15,"text":"nothing is called this","primary":true},"#,
        r#"{"file":"b.blend","line":1,"column":5,"end_line":1,"end_column":6,"start":4,"end":5,"text":"near","primary":false}],"#,
        r#""help":"write `c`","notes":["n"],"fix":[{"file":"a.blend","start":13,"end":15,"text":"c"}]}"#,
        "\n",
    );
    let problems = Problems::from(problem);
    assert_eq!(render(&problems, &sources, Format::Json, false, 80), expected);
    // Two sources: a frame for each.
    let human = render(&problems, &sources, Format::Human, false, 80);
    assert!(human.contains("[a.blend:2:9]") && human.contains("[b.blend:1:5]"), "{human}");
}

/// A problem with all that one can have, in a file with a name that needs every kind of escape.
fn whole(name: &str) -> (Problems, Sources) {
    let mut sources = Sources::default();
    let first = sources.add(name, "# ä\nlet b = ä\n");
    let other = sources.add("<stdin>", "let c = 1\n");
    let site = Span::new(13, 15).at(first.id);
    let problem = Problem::new(Code("E0201"), "the name `ä` is 100% not\nthere")
        .at(site, "here, it: is")
        .because(Span::new(4, 5).at(other.id), "near")
        .help("write `c`")
        .note("n")
        .edit(site, "c");
    (problem.into(), sources)
}

#[test]
fn annotations_are_one_line() {
    let shown = |name: &str| {
        let (problems, sources) = whole(name);
        render(&problems, &sources, Format::Github, false, 80)
    };
    let text = "the name `ä` is 100%25 not%0Athere%0Ahere: here, it: is%0Anote: n%0Ahelp: write `c`\n";
    let place = "line=2,col=9,endLine=2,endColumn=9,title=E0201";
    assert_eq!(shown("a%b:c,d.blend"), format!("::error file=a%25b%3Ac%2Cd.blend,{place}::{text}"));
    // What is no file has no lines.
    assert_eq!(shown("<command line>"), format!("::error title=E0201::{text}"));
    let mut sources = Sources::default();
    let source = sources.add("a.blend", "a\nb\n");
    let long = Problem::new(Code("W0401"), "m").at(Span::new(0, 3).at(source.id), "");
    let shown = render(&long.into(), &sources, Format::Github, false, 80);
    assert_eq!(shown, "::warning file=a.blend,line=1,col=1,endLine=2,title=W0401::m\n");
}

/// The document was checked against the schema of OASIS (`sarif-schema-2.1.0.json`) when this was written.
#[test]
fn sarif_is_stable() {
    let (problems, sources) = whole("my recipes/ä.blend");
    let log: serde_json::Value =
        serde_json::from_str(&render(&problems, &sources, Format::Sarif, false, 80)).expect("it is JSON");
    let region = serde_json::json!({
        "startLine": 2, "startColumn": 9, "endLine": 2, "endColumn": 10, "byteOffset": 13, "byteLength": 2
    });
    let artifact = serde_json::json!({ "uri": "my%20recipes/%C3%A4.blend" });
    let expected = serde_json::json!([{
        "ruleId": "E0201",
        "ruleIndex": 0,
        "level": "error",
        "message": { "text": "the name `ä` is 100% not\nthere\nhere: here, it: is\nnote: n\nhelp: write `c`" },
        "locations": [{
            "physicalLocation": { "artifactLocation": artifact, "region": region },
            "message": { "text": "here, it: is" },
        }],
        "relatedLocations": [{ "logicalLocations": [{ "name": "<stdin>" }], "message": { "text": "near" } }],
        "fixes": [{
            "artifactChanges": [{
                "artifactLocation": artifact,
                "replacements": [{ "deletedRegion": region, "insertedContent": { "text": "c" } }],
            }],
            "description": { "text": "write `c`" },
        }],
    }]);
    let run = &log["runs"][0];
    assert_eq!(run["results"], expected);
    assert_eq!((&log["version"], &run["columnKind"]), (&"2.1.0".into(), &"unicodeCodePoints".into()));
    let rule = &run["tool"]["driver"]["rules"][0];
    assert_eq!(rule["id"], "E0201");
    assert_eq!(rule["shortDescription"]["text"], "an unknown name");
    assert!(rule["help"]["markdown"].as_str().is_some_and(|text| text.contains("## What to do")), "{rule}");
    // A path from the root, and a file twice in one document.
    let (problems, sources) = whole("/home/a b.blend");
    let text = render(&problems, &sources, Format::Sarif, false, 80);
    assert_eq!(text.matches("\"file:///home/a%20b.blend\"").count(), 2, "{text}");
}
