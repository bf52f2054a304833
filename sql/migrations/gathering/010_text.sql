-- Full-text search of memories and knowledge: the words of a text in a column of their own, indexed. A tsvector holds at most
-- 1 MB, so of a very long text only the beginning is looked at, rather than refusing it.

alter table memory.memories
    add column if not exists value_fts tsvector generated always as (to_tsvector('english', left(value, 200000))) stored;
create index if not exists idx_memories_value_fts on memory.memories using gin (value_fts);

alter table memory.knowledge_base
    add column if not exists content_fts tsvector
        generated always as (to_tsvector('english', title || ' ' || left(content, 200000))) stored;
create index if not exists idx_kb_content_fts on memory.knowledge_base using gin (content_fts);
