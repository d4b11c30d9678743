//! What an architecture file says of channels: what axes do with them, and which belong together.

use super::Reader;
use super::lacks;
use crate::arch::Act;
use crate::arch::data::FreeRule;
use crate::arch::data::GroupRule;
use crate::arch::template::Expr;
use crate::arch::template::Template;
use crate::arch::text::FreeText;
use crate::arch::text::GroupText;
use crate::arch::text::SameText;
use crate::diag::Code;
use crate::diag::suggest::nearest;
use std::sync::Arc;
use toml::Spanned;

impl Reader<'_> {
    pub(super) fn acts(&mut self, texts: &[Spanned<String>]) -> Vec<Act> {
        let mut acts = vec![];
        for act in texts {
            acts.push(Act::from_text(act.as_ref()).unwrap_or_else(|| {
                let near = nearest(act.as_ref(), Act::WORDS).unwrap_or(Act::WORDS[0]);
                let message = format!("an axis does nothing that is called `{}`", act.as_ref().escape_debug());
                let help = format!("write `\"{near}\"` (there are {})", Act::WORDS.join(", "));
                self.fault(Code("E0435"), message, act.span(), "is not known", help);
                Act::Out
            }));
        }
        acts
    }

    pub(super) fn group(&mut self, text: GroupText) -> Option<GroupRule> {
        let (name, of) = (self.template(&text.name)?, self.template(&text.of)?);
        if let Some(variable) = lacks(&of, &name) {
            self.unbound(&variable, text.of.as_ref(), text.name.span());
        }
        match Expr::parse(text.each.as_ref()) {
            Ok(each) => Some(GroupRule { name, of, each }),
            Err(reason) => {
                self.bad_template(reason, text.each.span());
                None
            }
        }
    }

    pub(super) fn free(&mut self, text: FreeText) -> Option<FreeRule> {
        let space = self.template(&text.space)?;
        let under = match &text.under {
            None => None,
            Some(under) => {
                let template = self.template(under)?;
                if let Some(variable) = lacks(&space, &template) {
                    self.unbound(&variable, text.space.as_ref(), under.span());
                }
                Some(template)
            }
        };
        let each = match text.each.as_ref().map(|each| (Expr::parse(each.as_ref()), each.span())) {
            None => None,
            Some((Ok(each), _)) => Some(each),
            Some((Err(reason), at)) => {
                self.bad_template(reason, at);
                return None;
            }
        };
        Some(FreeRule { space, each, under })
    }

    pub(super) fn same(&mut self, text: SameText) -> Option<(Template, Arc<str>)> {
        Some((self.template(&text.space)?, text.r#as.into()))
    }
}
