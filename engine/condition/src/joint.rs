use crate::wanted::{Union, Wanted};
use crate::{Condition, Inquiry, ParsedBody};
use event::Event;
use std::sync::Arc;

/// Conditions that are asked about the same events. What any of them looks at of a body is read at
/// once, for all of them.
#[derive(Debug)]
pub struct Joint {
    conditions: Vec<Joined>,
    wanted: Arc<Wanted>,
}

#[derive(Debug)]
struct Joined {
    condition: Arc<Condition>,
    /// Where the joint reading has what the condition's own slots stand for.
    slots: Box<[usize]>,
}

/// A joint that takes further conditions. They come one by one, so that many of them need not be
/// taken in one go.
#[derive(Debug, Default)]
pub struct Joining {
    conditions: Vec<Joined>,
    union: Union,
}

impl Joining {
    /// They are numbered from 0.
    pub fn add(&mut self, condition: Arc<Condition>) {
        let slots = self.union.add(&condition.wanted);
        self.conditions.push(Joined { condition, slots });
    }

    pub fn done(self) -> Joint {
        let Joining { conditions, union } = self;
        Joint { conditions, wanted: Arc::new(union.into_wanted()) }
    }
}

impl Joint {
    /// What the condition of this number says of the event by itself too. `body` keeps what was
    /// read of the body until it is given another event or another joint.
    pub fn matches(&self, number: usize, event: &Event, body: &mut ParsedBody) -> bool {
        self.ask(number, event).finish(body)
    }

    /// The same in steps. `body` is the same for all of them.
    pub fn ask<'a>(&'a self, number: usize, event: &'a Event) -> Inquiry<'a> {
        let Joined { condition, slots } = &self.conditions[number];
        Inquiry::of(&condition.root, &self.wanted, Some(&slots[..]), event)
    }
}
