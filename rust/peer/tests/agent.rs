//! A real agent of agents-runtime with a scripted model: what it saves through one checkpointer, it goes on from with the
//! other.

mod support;

use agents_core::agent::AgentHandle;
use agents_core::llm::{LanguageModel, LlmRequest, LlmResponse};
use agents_core::messaging::{AgentMessage, MessageContent, MessageRole};
use agents_core::persistence::{Checkpointer, ThreadId};
use agents_core::state::AgentStateSnapshot;
use agents_runtime::{ConfigurableAgentBuilder, DeepAgent};
use serde_json::{json, Value};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use support::{ours, theirs};

/// Says its lines one by one.
struct Script(Mutex<VecDeque<Value>>);

#[async_trait::async_trait]
impl LanguageModel for Script {
    async fn generate(&self, _request: LlmRequest) -> anyhow::Result<LlmResponse> {
        let line = self.0.lock().unwrap().pop_front().ok_or_else(|| anyhow::anyhow!("the script is over"))?;
        let message = AgentMessage { role: MessageRole::Agent, content: MessageContent::Json(line), metadata: None };
        Ok(LlmResponse { message })
    }
}

fn write_file(path: &str, content: &str) -> Value {
    json!({"tool_calls": [{"name": "write_file", "args": {"file_path": path, "content": content}}]})
}

fn agent(checkpointer: &Arc<dyn Checkpointer>, lines: impl IntoIterator<Item = Value>) -> DeepAgent {
    let script = Script(Mutex::new(lines.into_iter().collect()));
    ConfigurableAgentBuilder::new("Keep files.")
        .with_model(Arc::new(script))
        .with_checkpointer(checkpointer.clone())
        .build()
        .unwrap()
}

/// One message from a user, answered on top of what was saved before, and saved.
async fn turn(agent: &DeepAgent, checkpointer: &Arc<dyn Checkpointer>) {
    let before = checkpointer.load_state(&ThreadId::default()).await.unwrap().unwrap_or_default();
    let content = MessageContent::Text("go on".to_owned());
    let message = AgentMessage { role: MessageRole::User, content, metadata: None };
    let answer = AgentHandle::handle_message(agent, message, Arc::new(before)).await.unwrap();
    assert_eq!(answer.content.as_text(), Some("done"));
}

async fn handed_over(first: Arc<dyn Checkpointer>, second: Arc<dyn Checkpointer>) {
    let done = json!({"response": "done"});
    let todos =
        json!({"tool_calls": [{"name": "write_todos", "args": {"todos": [{"content": "é", "status": "pending"}]}}]});
    turn(&agent(&first, [todos, write_file("a.txt", "one 😀"), done.clone()]), &first).await;
    turn(&agent(&second, [write_file("b.txt", "two"), done]), &second).await;

    let empty = ThreadId::default();
    let saved: AgentStateSnapshot =
        first.load_state(&empty).await.unwrap().expect("the runtime saves under the empty id");
    assert_eq!(saved.files.get("a.txt").map(String::as_str), Some("one 😀"));
    assert_eq!(saved.files.get("b.txt").map(String::as_str), Some("two"));
    assert_eq!(saved.todos.len(), 1);
    let other = second.load_state(&empty).await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(&other).unwrap(), serde_json::to_value(&saved).unwrap());

    let named = agent(&first, []);
    assert!(named.load_state(&empty).await.unwrap());
    named.save_state(&"named".to_owned()).await.unwrap();
    assert_eq!(second.list_threads().await.unwrap(), ["named", ""]);
    named.delete_thread(&empty).await.unwrap();
    assert_eq!(second.list_threads().await.unwrap(), ["named"]);
}

#[tokio::test]
async fn an_agent_goes_on_with_the_peer_from_what_it_saved_with_ours() {
    handed_over(ours("agent_first").await, theirs("agent_first").await).await;
}

#[tokio::test]
async fn an_agent_goes_on_with_ours_from_what_it_saved_with_the_peer() {
    let peers = theirs("agent_second").await;
    handed_over(peers, ours("agent_second").await).await;
}
