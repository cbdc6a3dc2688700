-- Records. A row whose expiry has passed counts as absent and is deleted later.
create table records (
	key bytea primary key,
	value bytea not null,
	expires_at timestamptz
);
create index records_expires_at on records (expires_at) where expires_at is not null;

-- The one row that every commit moves on, which orders all commits.
create table head (
	one boolean primary key default true check (one),
	-- store is random and made with the schema: another one is another store.
	store text not null,
	-- commit counts commits. mark is random and belongs to the last of them.
	commit bigint not null,
	mark uuid not null,
	-- chain, keyed, seq and hash are the end of the audit trail.
	chain text not null,
	keyed boolean not null,
	seq bigint not null,
	hash bytea not null,
	-- trail_size is how many lines one partition of the trail holds.
	trail_size bigint not null,
	-- event counts events. event_mark is the mark of the commit of the last one.
	event bigint not null,
	event_mark uuid not null
) with (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- A receipt says that the commit with that mark happened. One without a number
-- was inserted by a replica that asked, and keeps the commit from happening.
create table receipts (
	mark uuid primary key,
	commit bigint,
	made_at timestamptz not null default clock_timestamp(),
	asked_at timestamptz
);
create unique index receipts_commit on receipts (commit);
create index receipts_made_at on receipts (made_at);

create table trail (
	seq bigint primary key,
	at timestamptz not null,
	line text not null
) partition by range (seq);

create table events (
	id bigint primary key,
	topic text not null,
	mark uuid not null,
	data bytea not null,
	made_at timestamptz not null default clock_timestamp()
);
create index events_topic on events (topic, id);
create index events_made_at on events (made_at);

-- How far lines of the trail were written to the stream of that name.
create table streams (
	name text primary key,
	seq bigint not null
);

-- advance_head moves the head on from the commit that the caller has read. It
-- fails with serialization_failure where another commit came in between.
create function advance_head(expected bigint, new_mark uuid, new_seq bigint, new_hash bytea, events bigint) returns void
language plpgsql as $$
begin
	update head set
		commit = commit + 1, mark = new_mark, seq = new_seq, hash = new_hash, event = event + events,
		event_mark = case when events > 0 then new_mark else event_mark end
	where commit = expected;
	if not found then
		raise exception using errcode = 'serialization_failure', message = 'another commit came in between';
	end if;
end
$$;
