//! Walks over values.

use super::Id;
use super::Value;
use super::Values;

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

impl Values {
    /// Visits everything below `root` (itself included), a value once per place, containers before what they hold, in order.
    /// Keys of dicts are no places.  When `visit` says false, what the value holds is left out.
    pub fn walk(&self, root: Id, visit: &mut dyn FnMut(&[Step], Id) -> bool) {
        let mut path: Vec<Step> = vec![];
        let mut open: Vec<(Id, usize)> = vec![];
        if visit(&path, root) {
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
            if visit(&path, child) {
                open.push((child, 0));
            } else {
                path.pop();
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

    /// A path as text: keys and positions with dots between them, `G_ema.synthesis.b4`; states are not told.
    pub fn path_text(&self, path: &[Step]) -> String {
        let mut out = String::new();
        for step in path {
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
