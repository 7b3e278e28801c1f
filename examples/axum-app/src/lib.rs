//! A notebook in memory: JSON, path parameters and shared state with an ordinary axum router.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

/// Most notes that are kept; there is no eviction.
const NOTES_MAX: usize = 1000;
/// Largest body of a new note, in octets.
const NOTE_BYTES_MAX: usize = 16 * 1024;

#[derive(Clone, Serialize)]
struct Note {
    id: u64,
    text: String,
}

#[derive(Deserialize)]
struct NewNote {
    text: String,
}

#[derive(Default)]
struct Notebook {
    last_id: u64,
    notes: BTreeMap<u64, Note>,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Notebook>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Notebook> {
        // Every change is one insertion or removal: a panic cannot leave half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[fezz::app(name = "notes")]
fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "GET /notes, POST /notes {\"text\": ...}, GET /notes/{id}\n" }))
        .route("/notes", get(list).post(add))
        .route("/notes/{id}", get(read).delete(remove))
        .layer(DefaultBodyLimit::max(NOTE_BYTES_MAX))
        .with_state(Shared::default())
}

async fn list(State(shared): State<Shared>) -> Json<Vec<Note>> {
    Json(shared.lock().notes.values().cloned().collect())
}

async fn add(
    State(shared): State<Shared>,
    Json(new): Json<NewNote>,
) -> Result<impl IntoResponse, StatusCode> {
    let mut notebook = shared.lock();
    if notebook.notes.len() >= NOTES_MAX {
        return Err(StatusCode::INSUFFICIENT_STORAGE);
    }
    notebook.last_id += 1;
    let note = Note { id: notebook.last_id, text: new.text };
    notebook.notes.insert(note.id, note.clone());
    let location = [(header::LOCATION, format!("/notes/{}", note.id))];
    Ok((StatusCode::CREATED, location, Json(note)))
}

async fn read(State(shared): State<Shared>, Path(id): Path<u64>) -> Result<Json<Note>, StatusCode> {
    shared.lock().notes.get(&id).cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn remove(State(shared): State<Shared>, Path(id): Path<u64>) -> StatusCode {
    match shared.lock().notes.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use fezz::testing::{Reply, request};

    fn post(app: &Router, body: &'static str) -> Reply {
        let request = request("POST", "/notes").header("content-type", "application/json");
        request.body(body).call_app(app)
    }

    #[test]
    fn notes_are_kept_between_requests() {
        let app = super::app();
        assert_eq!(request("GET", "/").call_app(&app).status(), 200);
        assert_eq!(request("GET", "/notes").call_app(&app).text(), "[]");
        let added = post(&app, r#"{"text": "milk"}"#);
        assert_eq!((added.status(), added.header("location")), (201, Some("/notes/1")));
        assert_eq!(added.text(), r#"{"id":1,"text":"milk"}"#);
        let read = request("GET", "/notes/1").call_app(&app);
        assert_eq!(read.header("content-type"), Some("application/json"));
        assert_eq!(read.text(), r#"{"id":1,"text":"milk"}"#);
        assert_eq!(request("DELETE", "/notes/1").call_app(&app).status(), 204);
        assert_eq!(request("DELETE", "/notes/1").call_app(&app).status(), 404);
        assert_eq!(request("GET", "/notes/1").call_app(&app).status(), 404);
    }

    #[test]
    fn what_it_cannot_take_is_refused() {
        let app = super::app();
        assert_eq!(post(&app, "{").status(), 400);
        assert_eq!(post(&app, r#"{"txt": 1}"#).status(), 422);
        assert_eq!(request("POST", "/notes").body("{}").call_app(&app).status(), 415);
        let long = format!(r#"{{"text": "{}"}}"#, "x".repeat(super::NOTE_BYTES_MAX));
        let long = request("POST", "/notes").header("content-type", "application/json").body(long);
        assert_eq!(long.call_app(&app).status(), 413);
        assert_eq!(request("PUT", "/notes").call_app(&app).status(), 405);
        assert_eq!(request("GET", "/notes/seven").call_app(&app).status(), 400);
    }

    #[test]
    fn the_notebook_has_an_end() {
        let app = super::app();
        for _ in 0..super::NOTES_MAX {
            assert_eq!(post(&app, r#"{"text": ""}"#).status(), 201);
        }
        assert_eq!(post(&app, r#"{"text": ""}"#).status(), 507);
    }
}
