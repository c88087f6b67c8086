-- A file of the second form, as it was written then. Never changed.
CREATE TABLE chat (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            renamed INTEGER NOT NULL DEFAULT 0,
            created TEXT NOT NULL,
            changed TEXT NOT NULL,
            settings TEXT NOT NULL DEFAULT '{}'
        ) WITHOUT ROWID
        ;
INSERT INTO "chat" VALUES('2280efdd5ba8','Hello there',0,'2026-01-02T03:04:05.678901+00:00','2026-01-02T03:05:01+00:00','{}');
INSERT INTO "chat" VALUES('a278420569d8','Never answered',0,'2026-01-03T00:00:00+00:00','2026-01-03T00:00:01+00:00','{}');
CREATE TABLE message (
            id INTEGER PRIMARY KEY,
            chat_id TEXT NOT NULL REFERENCES chat (id) ON DELETE CASCADE,
            parent_id INTEGER,
            active INTEGER NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
            content TEXT NOT NULL,
            created TEXT NOT NULL,
            recipe TEXT,
            outcome TEXT,
            writer TEXT,
            indexed INTEGER NOT NULL DEFAULT 0
        );
INSERT INTO "message" VALUES(1,'2280efdd5ba8',NULL,1,'user','Hello
there','2026-01-02T03:04:05.678901+00:00',NULL,NULL,NULL,0);
INSERT INTO "message" VALUES(2,'2280efdd5ba8',1,1,'assistant','Hi, 日本.','2026-01-02T03:04:06+00:00','{"model": "builtin", "base_model": "builtin", "dtype": "float32", "device": "cpu", "quantization": "none", "mode": "medusa", "tree": "dynamic, 8 nodes", "acceptance": "exact", "temperature": 0.7, "top_p": 1.0, "top_k": 0, "seed": 7, "max_new_tokens": 512, "system": null, "versions": {"python": "3.11.2"}}','{"stop_reason": "eos", "figures": {"tokens": 3, "accepted_counts": [1, 1]}, "figures_line": "94 tok/s"}',NULL,0);
INSERT INTO "message" VALUES(3,'2280efdd5ba8',2,1,'user','And then?','2026-01-02T03:05:00+00:00',NULL,NULL,NULL,0);
INSERT INTO "message" VALUES(4,'2280efdd5ba8',3,1,'assistant','The program','2026-01-02T03:05:01+00:00','{"model": "builtin", "base_model": "builtin", "dtype": "float32", "device": "cpu", "quantization": "none", "mode": "plain", "tree": "root", "acceptance": "exact", "temperature": 0.7, "top_p": 1.0, "top_k": 0, "seed": 8, "max_new_tokens": 512, "system": null, "versions": {}}',NULL,NULL,0);
INSERT INTO "message" VALUES(5,'a278420569d8',NULL,1,'user','Never answered','2026-01-03T00:00:00+00:00',NULL,NULL,NULL,0);
INSERT INTO "message" VALUES(6,'a278420569d8',5,1,'user','Nor this','2026-01-03T00:00:01+00:00',NULL,NULL,NULL,0);
CREATE INDEX message_of_chat ON message (chat_id);
CREATE INDEX message_unindexed ON message (id) WHERE indexed = 0;
CREATE INDEX message_unfinished ON message (id)
            WHERE role = 'assistant' AND outcome IS NULL
        ;
PRAGMA user_version = 2;
