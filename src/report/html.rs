//! The report as HTML: nothing is loaded from anywhere, and every text is escaped.

use super::Claim;
use super::Report;
use super::curve;
use crate::picture::canvas::Colour;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Light and dark, wide and narrow.
const STYLE: &str = include_str!("style.css");

/// A text that HTML takes as that text.  What breaks a line or turns its direction is shown as what is unknown.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                out.push(char::REPLACEMENT_CHARACTER);
            }
            c => out.push(c),
        }
    }
    out
}

/// `#rrggbb`
pub fn colour([r, g, b]: Colour) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn picture(png: &[u8], shows: &str) -> String {
    format!("<img src=\"data:image/png;base64,{}\" alt=\"{}\">", STANDARD.encode(png), escaped(shows))
}

fn section(title: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("<section><h2>{title}</h2>{body}</section>\n") }
}

impl Report {
    /// The whole report as one file.
    pub fn html(&self) -> String {
        let title = escaped(&self.title);
        let (held, all) = (self.claims.iter().filter(|claim| claim.holds).count(), self.claims.len());
        let verdict = match (held, all) {
            (_, 0) => String::new(),
            (held, all) if held == all => format!("<p class=\"verdict good\">all {all} claims hold</p>"),
            (held, all) => format!("<p class=\"verdict bad\">{} of {all} claims do not hold</p>", all - held),
        };
        let sheet = if self.sheet.is_empty() {
            String::new()
        } else {
            picture(&self.sheet, &format!("sheet of {}", self.title))
        };
        let head = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header><h1>{title}</h1><p class=\"note\">{}</p>{verdict}</header>\n<main>\n",
            escaped(&self.note)
        );
        let claims: String = self.claims.iter().map(claim).collect();
        let device = rows(self.device.iter().map(|(key, value)| vec![escaped(key), escaped(value)]), &[]);
        let files = self.files.iter().map(|file| {
            let digest = format!("<code>{}</code>", escaped(&file.digest));
            vec![escaped(&file.name), escaped(&file.path), file.bytes.to_string(), digest]
        });
        let recipes: String = self
            .recipes
            .iter()
            .map(|(name, text)| {
                format!("<details><summary>{}</summary><pre>{}</pre></details>", escaped(name), escaped(text))
            })
            .collect();
        let body = [
            section("Pictures", &if sheet.is_empty() { sheet } else { format!("<div class=\"sheet\">{sheet}</div>") }),
            section("Claims", &claims),
            section("Weights by resolution", &self.curves()),
            section("Parts", &self.parts()),
            section("Device", &device),
            section("Inputs", &rows(files, &["model", "file", "bytes", "digest of names, types and shapes"])),
            section("Recipe", &recipes),
        ];
        let foot = format!("</main>\n<footer>blend {}</footer>\n</body>\n</html>\n", escaped(&self.version));
        head + &body.concat() + &foot
    }

    fn legend(&self) -> String {
        let one = |(name, tint): &(String, Colour)| {
            format!("<span><i style=\"background:{}\"></i>{}</span>", colour(*tint), escaped(name))
        };
        format!("<p class=\"legend\">{}</p>", self.legend.iter().map(one).collect::<String>())
    }

    fn curves(&self) -> String {
        let shown = self.outputs.iter().filter(|output| !output.places.is_empty());
        let one = |output: &super::Output| {
            let name = escaped(&output.name);
            let detail = escaped(&output.detail);
            format!(
                "<figure><figcaption><b>{name}</b> {detail}</figcaption>{}</figure>",
                curve::svg(output, &self.legend)
            )
        };
        let curves: String = shown.map(one).collect();
        if curves.is_empty() { curves } else { format!("{}<div class=\"curves\">{curves}</div>", self.legend()) }
    }

    fn parts(&self) -> String {
        let mut head = vec!["output", "part", "tensors", "numbers"];
        head.extend(self.legend.iter().map(|(name, _)| name.as_str()));
        head.push("made");
        let of_output = |output: &super::Output| {
            let name = [output.name.as_str(), output.detail.as_str()].join(" ");
            let row = |part: &super::Part| {
                let made = match (part.moved, part.tensors) {
                    (moved, tensors) if moved == tensors => "copied".to_string(),
                    (0, _) => "computed".into(),
                    (moved, tensors) => format!("{moved} copied, {} computed", tensors - moved),
                };
                let mut row = vec![escaped(name.trim_end()), escaped(&part.segment.label)];
                row.extend([part.tensors.to_string(), part.elems.to_string()]);
                row.extend(part.segment.shares.iter().map(|share| format!("{}", (share * 1e4).round() / 1e4)));
                row.push(made);
                row
            };
            output.places.iter().map(row).collect::<Vec<_>>()
        };
        rows(self.outputs.iter().flat_map(of_output), &head)
    }
}

fn claim(claim: &Claim) -> String {
    let (class, word) = match (claim.holds, claim.is_narrow) {
        (true, false) => ("good", "holds"),
        (true, true) => ("narrow", "holds by little"),
        _ => ("bad", "fails"),
    };
    let pictures: String = claim
        .pictures
        .iter()
        .map(|(role, png)| format!("<figure><figcaption>{}</figcaption>{}</figure>", escaped(role), picture(png, role)))
        .collect();
    format!(
        "<div class=\"claim {class}\"><p><b>{word}</b> <code>{}</code></p><p class=\"note\">{}</p>{pictures}</div>",
        escaped(&claim.text),
        escaped(&claim.lines.join(", "))
    )
}

/// A table whose cells are HTML already; nothing for no rows.
fn rows(rows: impl Iterator<Item = Vec<String>>, head: &[&str]) -> String {
    let body: String = rows
        .map(|row| format!("<tr>{}</tr>", row.iter().map(|cell| format!("<td>{cell}</td>")).collect::<String>()))
        .collect();
    if body.is_empty() {
        return body;
    }
    let names: String = head.iter().map(|name| format!("<th>{}</th>", escaped(name))).collect();
    let head = if head.is_empty() { String::new() } else { format!("<thead><tr>{names}</tr></thead>") };
    format!("<div class=\"table\"><table>{head}<tbody>{body}</tbody></table></div>")
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::super::Output;
    use super::super::Part;
    use super::*;
    use crate::picture::sheet::Segment;

    fn report() -> Report {
        let segment = Segment { label: "16".into(), shares: vec![0.25, 0.75] };
        Report {
            title: "<script>alert(1)</script>".into(),
            note: "psi 1".into(),
            version: "0.1.0".into(),
            sheet: b"png".to_vec(),
            legend: vec![("a\"b".into(), [1, 2, 3]), ("\u{202e}evil".into(), [255, 0, 0])],
            outputs: vec![Output {
                name: "x & y".into(),
                detail: "edge = 16".into(),
                places: vec![Part { segment, tensors: 3, elems: 1000, moved: 1 }],
            }],
            claims: vec![Claim {
                text: "ssim(a, b) >= 0.5".into(),
                holds: false,
                is_narrow: false,
                lines: vec!["ssim is 0.2".into()],
                pictures: vec![("actual".into(), b"other".to_vec())],
            }],
            device: vec![("device".into(), "cpu".into())],
            files: vec![File { name: "a".into(), path: "a.pt".into(), bytes: 7, digest: "abc".into() }],
            recipes: vec![("r.blend".into(), "blend 1\n".into())],
        }
    }

    #[test]
    fn every_text_is_only_a_text() {
        let html = report().html();
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{html}");
        assert!(html.contains("a&quot;b") && !html.contains('\u{202e}'));
        assert!(html.contains("x &amp; y") && html.contains("ssim(a, b) &gt;= 0.5"));
        // Nothing is asked of anybody.
        assert!(!html.contains("http") && !html.contains("<link") && !html.contains("@import"));
    }

    #[test]
    fn what_is_known_stands_in_it() {
        let html = report().html();
        for wanted in [
            "1 of 1 claims do not hold",
            "1 copied, 2 computed",
            "#010203",
            "<td>0.75</td>",
            "<code>abc</code>",
            "edge = 16",
        ] {
            assert!(html.contains(wanted), "{wanted}");
        }
        let data: Vec<&str> = html.split("base64,").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let decoded: Vec<Vec<u8>> = data.iter().map(|text| STANDARD.decode(text).expect("base64")).collect();
        assert_eq!(decoded, [b"png".to_vec(), b"other".to_vec()]);
        assert_eq!(html.matches("<section>").count(), 7);
        let bare = Report { title: "bare".into(), ..Report::default() }.html();
        assert_eq!(bare.matches("<section>").count(), 0, "parts without data are left out");
    }
}
