//! What agents say, without values of secrets.

use std::collections::HashMap;

use engine_protocol::{FromAgent, ResourceId};

use super::{Stream, Vault};

impl Vault {
    /// A message of an agent without values. Of output, what may be the beginning of one is held back.
    pub(crate) fn heard(&self, message: FromAgent, output: &mut HashMap<ResourceId, Stream>) -> FromAgent {
        match message {
            FromAgent::Outcome(mut outcome) => {
                self.scrub_outcome(&mut outcome);
                FromAgent::Outcome(outcome)
            }
            FromAgent::Applied { end, facts } => FromAgent::Applied { end, facts: self.scrub_facts(facts) },
            FromAgent::Finished { end, mut reboot, hidden } => {
                if let Some(why) = &mut reboot {
                    self.scrub(why);
                }
                FromAgent::Finished { end, reboot, hidden }
            }
            FromAgent::Output { resource, text } => {
                let text = self.scrub_part(output.entry(resource).or_default(), &text);
                FromAgent::Output { resource, text }
            }
            FromAgent::Fatal { mut error } => {
                self.scrub(&mut error);
                FromAgent::Fatal { error }
            }
            // A message of one that waits is scrubbed when it is told.
            other => other,
        }
    }
}
