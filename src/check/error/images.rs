//! What can be wrong with pictures in claims (E0740, E0741).

use crate::diag::Code;
use crate::diag::Problem;
use crate::text::Site;

/// What the world says of a file that is not there.
pub const NOT_FOUND: Code = Code("E0501");

pub fn where_on_pictures(name: &str, site: Site) -> Problem {
    Problem::new(Code("E0740"), format!("`where` restricts a claim to some tensors, but `{name}` looks at pictures"))
        .at(site, "a picture is made of all tensors")
        .help("remove the `where` of this `assert`")
}

/// A number that an argument cannot be.
pub fn picture_argument(name: &str, text: &str, site: Site) -> Problem {
    let (wanted, value) = match name {
        "seeds" => ("whole numbers from 0 to 4294967295, at most 1024 of them", "0..7"),
        "crop" => ("four whole numbers: x, y, width, height", "[0, 0, 64, 64]"),
        "px" => ("a number of pixels above 0, at most 4096", "8"),
        "size" => ("a whole number of pixels, at most 16384", "256"),
        "class" => ("a whole number from 0 on", "0"),
        _ => ("a whole number from 0 on", "8"),
    };
    Problem::new(Code("E0740"), format!("`{name}` needs {wanted}, but found `{text}`"))
        .at(site, "found here")
        .help(format!("write for example `{value}`"))
        .edit(site, value)
}

pub fn crop(site: Site) -> Problem {
    Problem::new(Code("E0740"), "`crop` needs four whole numbers, width and height at least 1")
        .at(site, "expected x, y, width, height in pixels")
        .help("write for example `[0, 0, 64, 64]`")
        .edit(site, "[0, 0, 64, 64]")
}

pub fn picture_path(found: &str, site: Site) -> Problem {
    Problem::new(Code("E0740"), format!("`image` needs the path of a picture, but found `{found}`"))
        .at(site, "expected a string")
        .help("write it out: `image(\"golden/toon.png\")`")
}

pub fn no_class(class: usize, labels: usize, site: Site) -> Problem {
    let problem = match labels {
        0 => Problem::new(Code("E0740"), format!("class {class} is asked for, but the network has no classes"))
            .help("remove `class`"),
        _ => {
            let message = format!("class {class} is asked for, but the network has the classes 0 to {}", labels - 1);
            Problem::new(Code("E0740"), message).help(format!("write `class = {}`", labels - 1))
        }
    };
    problem.at(site, "asked for here")
}

pub fn crop_outside(end: [usize; 2], size: [usize; 2], site: Site) -> Problem {
    let message =
        format!("`crop` ends at {} × {}, but the picture has {} × {} pixels", end[0], end[1], size[0], size[1]);
    Problem::new(Code("E0740"), message)
        .at(site, "asked for here")
        .help(format!("keep inside: `crop = [0, 0, {}, {}]`", size[0], size[1]))
}

pub fn batch_too_large(size: [usize; 2], count: usize, site: Site) -> Problem {
    let message = format!("{count} pictures of {} × {} are more than a gigabyte of numbers", size[0], size[1]);
    Problem::new(Code("E0740"), message)
        .at(site, "asked for here")
        .help("draw fewer seeds, or smaller pictures: `size = 256`")
}

fn extent((count, [width, height]): (usize, [usize; 2])) -> String {
    match count {
        1 => format!("one picture of {width} × {height} pixels"),
        count => format!("{count} pictures of {width} × {height} pixels"),
    }
}

/// An extent (how many, width and height) and where it is written.
pub type Placed = ((usize, [usize; 2]), Site);

pub fn sizes_differ(name: &str, (first, first_site): Placed, (other, other_site): Placed) -> Problem {
    Problem::new(Code("E0741"), format!("`{name}` compares {} with {}", extent(first), extent(other)))
        .at(other_site, extent(other))
        .because(first_site, extent(first))
        .note("a file that meets several pictures is a strip of them, side by side")
        .help("give both the same `seeds`, `size` and `crop`; `blend test --update RECIPE` writes files that fit")
}
