-- The tables that keeper and fetchers share, beside those of Procrastinate. Everything is in the schema "finarchive".
-- Times are those of this server: no machine's own clock counts.

CREATE TABLE cluster (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),  -- there is one row
    version integer NOT NULL,  -- of this schema
    archive text,  -- the archive that the keepers write; NULL: no keeper has led yet
    epoch bigint NOT NULL DEFAULT 0,  -- number of the present leader; each new one adds 1
    leader text,  -- the keeper that leads, for people
    led_until timestamptz NOT NULL DEFAULT 'epoch',  -- until then nobody else may lead
    max_waiting bigint NOT NULL DEFAULT 1073741824  -- bytes of responses, from which on fetchers pause
);

CREATE TABLE hosts (
    host text PRIMARY KEY,
    delay double precision NOT NULL,  -- seconds between two requests
    next_request timestamptz NOT NULL DEFAULT 'epoch',  -- no request before
    owner bigint,  -- the job that may send requests; NULL: none
    token uuid,  -- what that job was told when it got the host: job numbers are no secret
    owned_until timestamptz NOT NULL DEFAULT 'epoch',  -- from then on another job may take the host
    state jsonb,  -- back-off and failures in a row, as cluster/wire.py writes them
    backed_off_until timestamptz NOT NULL DEFAULT 'epoch'
);

CREATE TYPE request_state AS ENUM (
    'queued',  -- to be sent
    'sent',  -- a fetcher is waiting for the response
    'done',  -- the response is here
    'taken'  -- the keeper has the response, and has not recorded it yet
);

CREATE TABLE requests (
    id bigserial PRIMARY KEY,
    epoch bigint NOT NULL,  -- of the keeper that waits for the response
    host text NOT NULL REFERENCES hosts,
    priority smallint NOT NULL,  -- lists before articles before images
    subject text,  -- docid of an article: its response stays here until it is recorded; NULL: it can be repeated
    url text NOT NULL,
    digest bytea NOT NULL,  -- SHA-256 of the address, which may be longer than an entry of an index
    request json NOT NULL,  -- as cluster/wire.py writes it; not jsonb, which refuses characters that headers may have
    state request_state NOT NULL DEFAULT 'queued',
    owner bigint,  -- the job that sent it
    outcome json,  -- as cluster/wire.py writes it
    body bytea,  -- NULL: there is no response
    created timestamptz NOT NULL DEFAULT now(),
    completed timestamptz,
    UNIQUE (subject, digest)
);
CREATE INDEX requests_of_host ON requests (host, priority DESC, id) WHERE state IN ('queued', 'sent');
CREATE INDEX requests_done ON requests (completed) WHERE state = 'done';

CREATE TABLE fetchers (
    name text PRIMARY KEY,  -- host name and process
    version text NOT NULL,  -- of finarchive
    started timestamptz NOT NULL DEFAULT now(),
    seen timestamptz NOT NULL DEFAULT now(),
    hosts integer NOT NULL,  -- that it fetches from now
    requests bigint NOT NULL  -- that it has sent
);

-- Of fetchers. They have no right to any table here: these functions are all that they can do.

-- Take a host for a job, or wait: returns the seconds to wait, and nothing if the job is not the host's any more.
CREATE FUNCTION claim_host(p_host text, p_job bigint, p_lease interval)
    RETURNS TABLE (wait double precision, state jsonb, backed_off double precision, token uuid)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = finarchive, pg_temp
AS $$
DECLARE
    known hosts;
BEGIN
    PERFORM 1 FROM procrastinate_jobs WHERE id = p_job AND lock = p_host AND status = 'doing';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT * INTO known FROM hosts WHERE host = p_host FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF known.owner <> p_job AND known.owned_until > clock_timestamp() THEN
        wait := extract(epoch FROM known.owned_until - clock_timestamp());
        RETURN NEXT;
        RETURN;
    END IF;
    IF known.owner <> p_job THEN  -- it died, and may have sent a request as long as it had the host
        known.next_request := greatest(known.next_request, known.owned_until + known.delay * interval '1 second');
        UPDATE requests SET state = 'queued', owner = NULL WHERE host = p_host AND requests.state = 'sent';
    END IF;
    claim_host.token := gen_random_uuid();
    UPDATE hosts SET owner = p_job, token = claim_host.token, owned_until = clock_timestamp() + p_lease,
            next_request = known.next_request
        WHERE host = p_host;
    wait := 0;
    claim_host.state := known.state;
    backed_off := greatest(0, extract(epoch FROM known.backed_off_until - clock_timestamp()));
    RETURN NEXT;
END
$$;

-- Extend the leases of hosts; returns the tokens of those that are still held.
CREATE FUNCTION renew_hosts(p_tokens uuid[], p_lease interval) RETURNS SETOF uuid
    LANGUAGE sql SECURITY DEFINER SET search_path = finarchive, pg_temp
AS $$
    UPDATE hosts SET owned_until = clock_timestamp() + p_lease
        WHERE token = ANY (p_tokens) AND owned_until > clock_timestamp()
        RETURNING token
$$;

-- Take the next request of a host, of at least a priority. Returns no row if the job has lost the host; id NULL: nothing is queued, or it is
-- too early by some seconds.
CREATE FUNCTION take_request(p_host text, p_token uuid, p_lease interval, p_priority integer)
    RETURNS TABLE (id bigint, url text, request json, wait double precision)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = finarchive, pg_temp
AS $$
DECLARE
    known hosts;
BEGIN
    UPDATE hosts SET owned_until = clock_timestamp() + p_lease
        WHERE host = p_host AND token = p_token AND owned_until > clock_timestamp()
        RETURNING * INTO known;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    wait := greatest(0, extract(epoch FROM known.next_request - clock_timestamp()));
    SELECT r.id, r.url, r.request INTO id, take_request.url, take_request.request FROM requests AS r
        WHERE r.host = p_host AND r.state = 'queued' AND r.priority >= p_priority
        ORDER BY r.priority DESC, r.id LIMIT 1
        FOR UPDATE;
    IF FOUND AND wait > 0 THEN
        take_request.url := NULL;
        id := NULL;
    ELSIF FOUND THEN
        UPDATE requests SET state = 'sent', owner = known.owner WHERE requests.id = take_request.id;
        UPDATE hosts SET next_request = clock_timestamp() + known.delay * interval '1 second' WHERE host = p_host;
    ELSE
        wait := NULL;
    END IF;
    RETURN NEXT;
END
$$;

-- Store a response. Returns 'stored'; 'unwanted': the keeper does not wait for it any more; 'lost': the job has lost
-- the host, and the request is sent again.
CREATE FUNCTION deliver(
    p_host text, p_token uuid, p_request bigint, p_outcome json, p_body bytea, p_state jsonb, p_backed_off interval
) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = finarchive, pg_temp
AS $$
DECLARE
    job bigint;
BEGIN
    -- The delay counts from the response: when the request arrived is not known, but it was before that.
    UPDATE hosts SET
            next_request = clock_timestamp() + delay * interval '1 second',
            state = p_state, backed_off_until = clock_timestamp() + p_backed_off
        WHERE host = p_host AND token = p_token
        RETURNING owner INTO job;
    IF NOT FOUND THEN
        RETURN 'lost';
    END IF;
    UPDATE requests SET state = 'done', outcome = p_outcome, body = p_body, completed = clock_timestamp()
        WHERE id = p_request AND host = p_host AND owner = job AND requests.state = 'sent';
    IF NOT FOUND THEN
        RETURN 'unwanted';
    END IF;
    NOTIFY finarchive_responses;
    RETURN 'stored';
END
$$;

-- Return all queued requests of a host unsent, with an outcome. Returns their number.
CREATE FUNCTION return_requests(p_host text, p_token uuid, p_outcome json) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = finarchive, pg_temp
AS $$
DECLARE
    number integer;
BEGIN
    PERFORM 1 FROM hosts WHERE host = p_host AND token = p_token AND owned_until > clock_timestamp() FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    UPDATE requests SET state = 'done', outcome = p_outcome, body = NULL, completed = clock_timestamp()
        WHERE host = p_host AND requests.state IN ('queued', 'sent');
    GET DIAGNOSTICS number = ROW_COUNT;
    NOTIFY finarchive_responses;
    RETURN number;
END
$$;

-- Give a host back. Returns true if requests wait for it.
CREATE FUNCTION release_host(p_host text, p_token uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = finarchive, pg_temp
AS $$
BEGIN
    UPDATE hosts SET owner = NULL, token = NULL, owned_until = 'epoch' WHERE host = p_host AND token = p_token;
    IF FOUND THEN
        UPDATE requests SET state = 'queued', owner = NULL WHERE host = p_host AND requests.state = 'sent';
    END IF;
    RETURN EXISTS (SELECT 1 FROM requests WHERE host = p_host AND requests.state = 'queued');
END
$$;

-- Hosts with requests to send, of at least a priority, that no job cares for.
CREATE FUNCTION idle_hosts(p_priority integer) RETURNS SETOF text
    LANGUAGE sql SECURITY DEFINER SET search_path = finarchive, pg_temp
AS $$
    SELECT DISTINCT r.host FROM requests AS r
        WHERE r.state IN ('queued', 'sent') AND r.priority >= p_priority AND NOT EXISTS (
            SELECT 1 FROM procrastinate_jobs AS j WHERE j.lock = r.host AND j.status IN ('todo', 'doing')
        )
$$;

-- Jobs that are not ended although no fetcher has their host: the end of a job may be lost with its connection.
CREATE FUNCTION lost_jobs() RETURNS SETOF bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = finarchive, pg_temp
AS $$
    SELECT j.id FROM procrastinate_jobs AS j
        WHERE j.status = 'doing'
        AND NOT EXISTS (SELECT 1 FROM hosts AS h WHERE h.owner = j.id AND h.owned_until > clock_timestamp())
        AND (SELECT max(e.at) FROM procrastinate_events AS e WHERE e.job_id = j.id AND e.type = 'started')
            < clock_timestamp() - interval '60 seconds'
$$;

-- Responses that the keeper will take, their bytes, and the bytes from which on fetchers pause. While a keeper leads,
-- those of an earlier one do not count: it takes them as it comes to their articles, and needs others before.
CREATE FUNCTION waiting_responses() RETURNS TABLE (number bigint, bytes bigint, max_waiting bigint)
    LANGUAGE sql SECURITY DEFINER SET search_path = finarchive, pg_temp
AS $$
    SELECT count(*), coalesce(sum(octet_length(body)), 0)::bigint, (SELECT c.max_waiting FROM cluster AS c)
        FROM requests, cluster
        WHERE requests.state = 'done' AND (requests.epoch = cluster.epoch OR cluster.led_until < clock_timestamp())
$$;

-- Note that a fetcher lives, and return the version of the schema.
CREATE FUNCTION note_fetcher(p_name text, p_version text, p_hosts integer, p_requests bigint) RETURNS integer
    LANGUAGE sql SECURITY DEFINER SET search_path = finarchive, pg_temp
AS $$
    DELETE FROM fetchers WHERE seen < now() - interval '1 day';
    INSERT INTO fetchers (name, version, hosts, requests) VALUES (p_name, p_version, p_hosts, p_requests)
        ON CONFLICT (name) DO UPDATE
            SET version = excluded.version, hosts = excluded.hosts, requests = excluded.requests, seen = now();
    SELECT version FROM cluster
$$;

-- The version of this schema.
CREATE FUNCTION schema_version() RETURNS integer
    LANGUAGE sql SECURITY DEFINER SET search_path = finarchive, pg_temp
AS $$
    SELECT version FROM cluster
$$;

-- Procrastinate tells workers of a new job, and not that a lock is free: a host that waits would wait for a poll.
CREATE FUNCTION notify_next_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM procrastinate_jobs WHERE lock = OLD.lock AND status = 'todo') THEN
        PERFORM pg_notify(
            'procrastinate_queue_v1#' || OLD.queue_name,
            json_build_object('type', 'job_inserted', 'job_id', OLD.id)::text
        );
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER notify_next_job AFTER DELETE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION notify_next_job();
