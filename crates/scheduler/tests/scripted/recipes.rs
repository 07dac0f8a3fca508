//! Recipes: one resource, or one on either side of a checkpoint. They declare something else whenever a node looks
//! different.

use std::{collections::BTreeMap, sync::Arc};

use engine_model::{App, Secret};
use engine_protocol::{Collection, Facts, Piece, Resource, ResourceId};
use engine_scheduler::ports::{
    AppSources, Checkpoint, EvaluateFailure, EvaluateRequest, EvaluationObserver, Evaluator, PortFuture,
    Revision, SecretFailure, SecretProvider, SecretValue, SourceFailure,
};

use super::{Host, Port, directory};

impl SecretProvider for Port {
    fn value<'a>(&'a self, _: &'a Secret) -> PortFuture<'a, Result<SecretValue, SecretFailure>> {
        let message = "there are no secrets here".to_owned();
        Box::pin(async { Err(SecretFailure { message, hint: None }) })
    }
}

fn declared(id: u32, facts: &Facts) -> Collection {
    let resource =
        Resource { id: ResourceId(id), name: format!("/srv/{id}/{}", facts.memory_bytes), ..directory() };
    Collection { resources: vec![resource], grants: Vec::new() }
}

/// Sources that nobody can fetch.
impl AppSources for Port {
    fn fetch<'a>(&'a self, _: &'a App) -> PortFuture<'a, Result<Revision, SourceFailure>> {
        let failure = SourceFailure { message: "the source is gone".to_owned(), hint: None };
        Box::pin(async { Err(failure) })
    }

    fn read(&self, _: Vec<Piece>) -> PortFuture<'_, Result<Vec<u8>, SourceFailure>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl Evaluator for Port {
    fn evaluate(
        &self,
        request: EvaluateRequest,
        mut observer: Box<dyn EvaluationObserver>,
    ) -> PortFuture<'_, Result<Collection, EvaluateFailure>> {
        self.0.write_evaluation(&request);
        let instance = request.node.stack.this_instance.name;
        let host = self.0.hosts.lock().unwrap()[&instance];
        let facts = request.node.facts;
        let (world, stop) = (Arc::clone(&self.0), self.1.clone());
        Box::pin(async move {
            world.fuse.burn().await;
            match host {
                Host::BadRecipe => Err(failure("it traps")),
                Host::Panics => panic!("of course"),
                Host::Checkpoints => {
                    let evaluated =
                        tokio::task::spawn_blocking(move || match observer.checkpoint(declared(0, &facts)) {
                            Checkpoint::Reached(facts) => Ok(declared(1, &facts)),
                            Checkpoint::Stopped | Checkpoint::Unknown => Ok(Collection::default()),
                        });
                    evaluated.await.unwrap_or_else(|_| Err(failure("the thread died")))
                }
                _ => {
                    if host == Host::StopsInEvaluation {
                        stop.set();
                    }
                    Ok(declared(0, &facts))
                }
            }
        })
    }

    fn digests(&self) -> BTreeMap<String, String> {
        self.0.digests.lock().unwrap().clone()
    }
}

fn failure(message: &str) -> EvaluateFailure {
    EvaluateFailure { recipe: None, message: message.to_owned(), details: Vec::new() }
}
