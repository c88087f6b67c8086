-- A file of the first form, as it was written then. Never changed.
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE TABLE turn (
    conversation_id INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    content TEXT NOT NULL,
    created TEXT NOT NULL,
    recipe TEXT,
    outcome TEXT,
    PRIMARY KEY (conversation_id, position)
) WITHOUT ROWID;
INSERT INTO conversation VALUES (1, 'Hello there', '2026-01-02T03:04:05.678901+00:00');
INSERT INTO conversation VALUES (2, 'Never answered', '2026-01-03T00:00:00+00:00');
INSERT INTO turn VALUES (1, 0, 'user', 'Hello
there', '2026-01-02T03:04:05.678901+00:00', NULL, NULL);
INSERT INTO turn VALUES (1, 1, 'assistant', 'Hi, 日本.', '2026-01-02T03:04:06+00:00',
    '{"model": "builtin", "base_model": "builtin", "dtype": "float32", "device": "cpu", "quantization": "none", "mode": "medusa", "tree": "dynamic, 8 nodes", "acceptance": "exact", "temperature": 0.7, "top_p": 1.0, "top_k": 0, "seed": 7, "max_new_tokens": 512, "system": null, "versions": {"python": "3.11.2"}}',
    '{"stop_reason": "eos", "figures": {"tokens": 3, "accepted_counts": [1, 1]}, "figures_line": "94 tok/s"}');
INSERT INTO turn VALUES (1, 2, 'user', 'And then?', '2026-01-02T03:05:00+00:00', NULL, NULL);
INSERT INTO turn VALUES (1, 3, 'assistant', 'The program', '2026-01-02T03:05:01+00:00',
    '{"model": "builtin", "base_model": "builtin", "dtype": "float32", "device": "cpu", "quantization": "none", "mode": "plain", "tree": "root", "acceptance": "exact", "temperature": 0.7, "top_p": 1.0, "top_k": 0, "seed": 8, "max_new_tokens": 512, "system": null, "versions": {}}',
    NULL);
INSERT INTO turn VALUES (2, 0, 'user', 'Never answered', '2026-01-03T00:00:00+00:00', NULL, NULL);
INSERT INTO turn VALUES (2, 2, 'user', 'Nor this', '2026-01-03T00:00:01+00:00', NULL, NULL);
PRAGMA user_version = 1;
