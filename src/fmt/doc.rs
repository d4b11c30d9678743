//! What is to be printed, with the places where a line may break, and the printer that chooses among them.

use super::trivia::Gaps;
use super::trivia::Open;

/// Columns of a line.
pub const WIDTH: usize = 100;

/// Blanks per level.
const INDENT: usize = 2;

/// Between a line and the comment behind it, and before the `=>` of an arm.
const APART: &str = "  ";

/// Heads of arms that are wider than this do not push the `=>` of the others to the right.
const WIDEST_ALIGNED: usize = 48;

/// A piece of output.
pub enum Doc<'a> {
    Text(&'a str),
    /// Blanks, as many as stand here wherever lines break.
    Pad(usize),
    Many(Vec<Doc<'a>>),
    /// Text only where the group is broken: the comma after the last item.
    IfBroken(&'static str),
    /// A place where a line may break, and where the comments of a gap are printed.
    Line(Line),
    /// Lines inside are one level deeper, where the group around is broken.
    Indent(Box<Doc<'a>>),
    Group(Group<'a>),
    Match(Vec<Arm<'a>>, Line),
}

/// A line break, or `flat` where the group fits on its line.
#[derive(Clone, Copy)]
pub struct Line {
    /// The gap before the token that comes next.
    pub gap: usize,
    pub flat: &'static str,
    pub role: Role,
}

/// Where a line break stands: it says which blank lines of the user are kept, and the level of what follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// After an opening bracket.
    First,
    /// Between items.
    Between,
    /// Before a closing bracket: comments are a level deeper than the bracket.
    Close,
    /// Before an operator.
    Operator,
    /// Between numbers of a list: as many stand on a line as fit.
    Fill,
}

/// Line breaks that are taken all or none.
pub struct Group<'a> {
    pub doc: Box<Doc<'a>>,
    /// Broken whether it fits or not: a comment or a `match` stands inside.
    pub forced: bool,
    /// A break inside one of its parts does not break it: `strength * match {` stays on its line.
    pub loose: bool,
}

/// `head  => value`, with the gap before it.
pub struct Arm<'a> {
    pub line: Line,
    pub head: Doc<'a>,
    pub value: Doc<'a>,
    /// Blanks between head and `=>`; set by [`Doc::settle`].
    pub pad: usize,
}

impl<'a> Doc<'a> {
    pub fn group(parts: Vec<Doc<'a>>) -> Doc<'a> {
        Doc::Group(Group { doc: Box::new(Doc::Many(parts)), forced: false, loose: false })
    }

    pub fn loose(parts: Vec<Doc<'a>>) -> Doc<'a> {
        Doc::Group(Group { doc: Box::new(Doc::Many(parts)), forced: false, loose: true })
    }

    pub fn indent(parts: Vec<Doc<'a>>) -> Doc<'a> {
        Doc::Indent(Box::new(Doc::Many(parts)))
    }

    /// Every gap that can hold comments, in the order of the text.
    pub fn gaps(&self, out: &mut Vec<Open>) {
        match self {
            Doc::Text(_) | Doc::Pad(_) | Doc::IfBroken(_) => {}
            Doc::Many(parts) => parts.iter().for_each(|part| part.gaps(out)),
            Doc::Line(line) => out.push(Open { gap: line.gap, operator: line.role == Role::Operator }),
            Doc::Indent(inner) => inner.gaps(out),
            Doc::Group(group) => group.doc.gaps(out),
            Doc::Match(arms, close) => {
                for arm in arms {
                    out.push(Open { gap: arm.line.gap, operator: false });
                    arm.head.gaps(out);
                    arm.value.gaps(out);
                }
                out.push(Open { gap: close.gap, operator: false });
            }
        }
    }

    /// Marks the groups that comments force to break, and aligns the arms.  Tells what forces the groups around.
    pub fn settle(&mut self, gaps: &Gaps) -> Forced {
        match self {
            Doc::Text(_) | Doc::Pad(_) | Doc::IfBroken(_) => Forced::default(),
            Doc::Many(parts) => parts.iter_mut().fold(Forced::default(), |all, part| all.or(part.settle(gaps))),
            Doc::Line(line) => {
                let own = !gaps.comments(line.gap).is_empty();
                Forced { own, any: own }
            }
            Doc::Indent(inner) => inner.settle(gaps),
            Doc::Group(group) => {
                let inside = group.doc.settle(gaps);
                group.forced = if group.loose { inside.own } else { inside.any };
                // What is inside of this group is no line of the group around it.
                Forced { own: false, any: inside.any }
            }
            Doc::Match(arms, close) => {
                for arm in arms.iter_mut() {
                    arm.head.settle(gaps);
                    arm.value.settle(gaps);
                }
                align(arms, gaps);
                let any = !arms.is_empty() || !gaps.comments(close.gap).is_empty();
                Forced { own: false, any }
            }
        }
    }

    /// Columns on one line; `None` where it cannot stand on one.
    fn flat_width(&self) -> Option<usize> {
        match self {
            Doc::Text(text) => Some(width(text)),
            Doc::Pad(blanks) => Some(*blanks),
            Doc::IfBroken(_) => Some(0),
            Doc::Line(line) => Some(line.flat.len()),
            Doc::Many(parts) => parts.iter().map(Doc::flat_width).sum(),
            Doc::Indent(inner) => inner.flat_width(),
            Doc::Group(group) if group.forced => None,
            Doc::Group(group) => group.doc.flat_width(),
            Doc::Match(..) => None,
        }
    }
}

/// Whether line breaks are forced: by a line of the group itself, or by anything inside.
#[derive(Clone, Copy, Default)]
pub struct Forced {
    own: bool,
    any: bool,
}

impl Forced {
    fn or(self, other: Forced) -> Forced {
        Forced { own: self.own || other.own, any: self.any || other.any }
    }
}

pub fn width(text: &str) -> usize {
    text.chars().count()
}

/// Puts the `=>` of each run of arms into one column; a blank line ends a run.
fn align(arms: &mut [Arm], gaps: &Gaps) {
    let heads: Vec<Head> = arms
        .iter()
        .map(|arm| Head { width: arm.head.flat_width(), begins_run: gaps.has_any_blank(arm.line.gap) })
        .collect();
    for (arm, pad) in arms.iter_mut().zip(pads(&heads)) {
        arm.pad = pad + APART.len();
    }
}

/// What stands before a sign that is put into one column with those of its neighbours.
pub struct Head {
    /// `None` for one that takes several lines.
    pub width: Option<usize>,
    pub begins_run: bool,
}

/// The blanks behind each head.
pub fn pads(heads: &[Head]) -> Vec<usize> {
    let mut out = vec![];
    while out.len() < heads.len() {
        let rest = &heads[out.len()..];
        let run = &rest[..rest[1..].iter().position(|head| head.begins_run).map_or(rest.len(), |at| at + 1)];
        let aligned = |head: &Head| head.width.filter(|width| *width <= WIDEST_ALIGNED);
        let column = run.iter().filter_map(aligned).max().unwrap_or(0);
        out.extend(run.iter().map(|head| aligned(head).map_or(0, |width| column - width)));
    }
    out
}

/// A piece that waits to be printed.
#[derive(Clone, Copy)]
enum Task<'d> {
    Doc(&'d Doc<'d>),
    Line(&'d Line),
    Text(&'d str),
    Pad(usize),
}

#[derive(Clone, Copy)]
struct Todo<'d> {
    indent: usize,
    broken: bool,
    task: Task<'d>,
}

/// Text that grows, with the column that it has reached.
pub struct Printer<'g> {
    pub out: String,
    column: usize,
    gaps: &'g Gaps<'g>,
}

impl<'g> Printer<'g> {
    pub fn new(gaps: &'g Gaps<'g>) -> Self {
        Printer { out: String::new(), column: 0, gaps }
    }

    fn text(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += width(text);
    }

    fn newline(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    fn blank_line(&mut self) {
        self.out.push('\n');
    }

    /// The comments before a statement, and at most one blank line, up to the start of its line.
    pub fn between_statements(&mut self, gap: usize) {
        self.outer_comments(gap);
        if !self.out.is_empty() {
            if self.gaps.has_blank(gap) {
                self.blank_line();
            }
            self.newline(0);
        }
    }

    /// The whole text, with the comments before its end.
    pub fn finish(mut self, gap: usize) -> String {
        self.outer_comments(gap);
        self.newline(0);
        self.out
    }

    fn outer_comments(&mut self, gap: usize) {
        for comment in self.gaps.comments(gap) {
            if comment.own_line && !self.out.is_empty() {
                if comment.blank_before {
                    self.blank_line();
                }
                self.newline(0);
            } else if !comment.own_line {
                self.text(APART);
            }
            self.text(comment.text);
        }
    }

    /// One statement, from the start of a line.
    pub fn print(&mut self, parts: &[Doc]) {
        let todo = |part| Todo { indent: 0, broken: true, task: Task::Doc(part) };
        let mut todo: Vec<Todo> = parts.iter().rev().map(todo).collect();
        while let Some(Todo { indent, broken, task }) = todo.pop() {
            match task {
                Task::Text(text) => self.text(text),
                Task::Pad(blanks) => (0..blanks).for_each(|_| self.text(" ")),
                Task::Line(line) | Task::Doc(Doc::Line(line)) => {
                    let breaks = broken && (line.role != Role::Fill || self.ends_fill(line, &todo));
                    if breaks { self.line(line, indent) } else { self.text(line.flat) }
                }
                Task::Doc(Doc::Group(group)) => {
                    let inside = Todo { indent, broken: false, task: Task::Doc(&group.doc) };
                    let flat = !group.forced && self.fits(&todo, vec![inside], 0);
                    todo.push(Todo { indent, broken: !flat, task: Task::Doc(&group.doc) });
                }
                Task::Doc(Doc::Text(text)) => self.text(text),
                Task::Doc(_) => unfold(Todo { indent, broken, task }, &mut todo),
            }
        }
    }

    /// A taken line break with the comments of its gap.
    fn line(&mut self, line: &Line, indent: usize) {
        let comments = self.gaps.comments(line.gap);
        for (at, comment) in comments.iter().enumerate() {
            if comment.own_line {
                let may_be_blank = match line.role {
                    Role::First => at > 0,
                    Role::Between | Role::Fill | Role::Close => true,
                    Role::Operator => false,
                };
                if comment.blank_before && may_be_blank {
                    self.blank_line();
                }
                self.newline(indent);
            } else {
                self.text(APART);
            }
            self.text(comment.text);
        }
        let may_be_blank = match line.role {
            Role::First => !comments.is_empty(),
            Role::Between | Role::Fill => true,
            Role::Close | Role::Operator => false,
        };
        if self.gaps.has_blank(line.gap) && may_be_blank {
            self.blank_line();
        }
        self.newline(if line.role == Role::Close { indent - INDENT } else { indent });
    }

    /// Whether the line is full before the next number, or a comment or a blank line of the user ends it.
    fn ends_fill(&self, line: &Line, rest: &[Todo]) -> bool {
        let is_empty = self.gaps.comments(line.gap).is_empty() && !self.gaps.has_blank(line.gap);
        !is_empty || !self.fits(rest, vec![], line.flat.len())
    }

    /// Whether some pieces, and what follows them up to the next line break, fit on the line.
    fn fits<'d>(&self, rest: &[Todo<'d>], mut todo: Vec<Todo<'d>>, taken: usize) -> bool {
        let Some(mut left) = WIDTH.checked_sub(self.column + taken) else { return false };
        let mut rest = rest.iter().rev();
        loop {
            let Some(next) = todo.pop().or_else(|| rest.next().copied()) else { return true };
            let taken = match next.task {
                Task::Text(text) => width(text),
                Task::Doc(Doc::Text(text)) => width(text),
                Task::Pad(blanks) => blanks,
                Task::Line(line) | Task::Doc(Doc::Line(line)) if !next.broken => line.flat.len(),
                Task::Line(_) | Task::Doc(Doc::Line(_)) => return true,
                Task::Doc(Doc::Group(inner)) => {
                    todo.push(Todo { broken: inner.forced, task: Task::Doc(&inner.doc), ..next });
                    0
                }
                Task::Doc(_) => {
                    unfold(next, &mut todo);
                    0
                }
            };
            match left.checked_sub(taken) {
                Some(less) => left = less,
                None => return false,
            }
        }
    }
}

/// Pushes the parts of a piece, the first one on top.
fn unfold<'d>(whole: Todo<'d>, todo: &mut Vec<Todo<'d>>) {
    let Todo { indent, broken, task: Task::Doc(doc) } = whole else { return };
    let mut push = |indent: usize, broken: bool, task: Task<'d>| todo.push(Todo { indent, broken, task });
    match doc {
        Doc::Text(_) | Doc::Line(_) | Doc::Group(_) => push(indent, broken, Task::Doc(doc)),
        Doc::Pad(blanks) => push(indent, broken, Task::Pad(*blanks)),
        Doc::IfBroken(text) => {
            if broken {
                push(indent, broken, Task::Text(text));
            }
        }
        Doc::Many(parts) => parts.iter().rev().for_each(|part| push(indent, broken, Task::Doc(part))),
        Doc::Indent(inner) => push(if broken { indent + INDENT } else { indent }, broken, Task::Doc(inner)),
        Doc::Match(arms, close) => {
            let inner = indent + INDENT;
            push(indent, true, Task::Text("}"));
            push(inner, true, Task::Line(close));
            for arm in arms.iter().rev() {
                push(inner, true, Task::Doc(&arm.value));
                push(inner, true, Task::Text("=> "));
                push(inner, true, Task::Pad(arm.pad));
                push(inner, true, Task::Doc(&arm.head));
                push(inner, true, Task::Line(&arm.line));
            }
            push(indent, true, Task::Text("match {"));
        }
    }
}
