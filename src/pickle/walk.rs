//! Walks over values.

use super::Id;
use super::Limits;
use super::Value;
use super::Values;
use super::fault::Bad;

/// How a value stands in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The value of a dict at this key.
    Key(Id),
    /// An item of a tuple, list or set.
    Index(usize),
    /// The state of a module or object.
    State,
}

/// How a walk goes on after a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// With what the value holds.
    Into,
    /// Without what the value holds.
    Over,
    /// Not at all.
    End,
}

/// Longest path that is told whole, in bytes: keys may be long, and nested they would be longer than all of the file.
const PATH: usize = 4096;

impl Values {
    /// Visits everything below `root` (itself included), a value once per place, containers before what they hold, in order.
    /// Keys of dicts are no places.
    pub fn walk(&self, root: Id, visit: &mut dyn FnMut(&[Step], Id) -> Next) {
        let mut path: Vec<Step> = vec![];
        let mut open: Vec<(Id, usize)> = vec![];
        if visit(&path, root) == Next::Into {
            open.push((root, 0));
        }
        while let Some((id, next)) = open.last_mut() {
            let Some((step, child)) = self.place(*id, *next) else {
                open.pop();
                path.pop();
                continue;
            };
            *next += 1;
            path.push(step);
            match visit(&path, child) {
                Next::Into => open.push((child, 0)),
                Next::Over => drop(path.pop()),
                Next::End => return,
            }
        }
    }

    /// The `index`-th place of a value.
    fn place(&self, id: Id, index: usize) -> Option<(Step, Id)> {
        match self.get(id) {
            Value::Tuple(items) | Value::List(items) | Value::Set(items) => {
                items.get(index).map(|item| (Step::Index(index), *item))
            }
            Value::Dict(entries) => entries.get(index).map(|(key, value)| (Step::Key(*key), *value)),
            Value::Module { state, .. } => (index == 0).then_some((Step::State, *state)),
            Value::Object { state, .. } => state.filter(|_| index == 0).map(|state| (Step::State, state)),
            _ => None,
        }
    }

    /// A path as text: keys and positions with dots between them, `G_ema.synthesis.b4`; states are not told, nor what
    /// follows the first 4 KiB.
    pub fn path_text(&self, path: &[Step]) -> String {
        let mut out = String::new();
        for step in path {
            if out.len() > PATH {
                break;
            }
            let part = match step {
                Step::Key(key) => match self.get(*key) {
                    Value::Str(text) => text.to_string(),
                    Value::Int(int) => int.to_string(),
                    other => format!("({})", other.noun()),
                },
                Step::Index(index) => index.to_string(),
                Step::State => continue,
            };
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(&part);
        }
        out
    }
}

/// Refuses a result with cycles, one that is nested too deep, and one that unfolds to too much.  Visits every value once and
/// does not recurse.
pub(super) fn verify(values: &Values, root: Id, limits: &Limits) -> Result<(), Bad> {
    const NEW: u32 = 0;
    // Levels below and including a value, and the places below and including it.
    let mut levels: Vec<u32> = vec![NEW; values.list.len()];
    let mut places: Vec<u64> = vec![1; values.list.len()];
    let mut is_open: Vec<bool> = vec![false; values.list.len()];
    let most = limits.depth as usize;
    let too_deep = || Bad::limit(format!("values nested more than {most} deep"), "a checkpoint, which is flatter");
    let mut open: Vec<(Id, usize)> = vec![(root, 0)];
    is_open[root.0 as usize] = true;
    while let Some((id, next)) = open.last_mut() {
        let id = *id;
        let Some(child) = values.child(id, *next) else {
            open.pop();
            is_open[id.0 as usize] = false;
            levels[id.0 as usize] = levels[id.0 as usize].max(1);
            continue;
        };
        let (level, count) = (levels[child.0 as usize], places[child.0 as usize]);
        if is_open[child.0 as usize] {
            return Err(Bad::malformed(
                format!("{} that contains itself", values.get(child).noun()),
                "values without cycles",
            ));
        }
        if level == NEW {
            if open.len() >= most {
                return Err(too_deep());
            }
            is_open[child.0 as usize] = true;
            open.push((child, 0));
            continue;
        }
        if let Some((_, next)) = open.last_mut() {
            *next += 1;
        }
        if open.len() + level as usize > most {
            return Err(too_deep());
        }
        let own = &mut levels[id.0 as usize];
        *own = (*own).max(level + 1);
        places[id.0 as usize] = places[id.0 as usize].saturating_add(count);
    }
    let count = places[root.0 as usize];
    if count > limits.places {
        let expected = format!("at most {}", limits.places);
        return Err(Bad::limit(format!("a result that unfolds to {count} places"), expected));
    }
    Ok(())
}

impl Values {
    /// The `index`-th value that a value holds, keys of dicts included.
    fn child(&self, id: Id, index: usize) -> Option<Id> {
        match self.get(id) {
            Value::Dict(entries) => {
                let (key, value) = entries.get(index / 2)?;
                Some(if index.is_multiple_of(2) { *key } else { *value })
            }
            _ => self.place(id, index).map(|(_, child)| child),
        }
    }
}
