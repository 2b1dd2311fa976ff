-- The newest term that has written to a queue: whoever comes with an older one was replaced.
CREATE TABLE IF NOT EXISTS fences (
  queue text PRIMARY KEY,
  token numeric NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS jobs (
  id bigserial PRIMARY KEY,
  queue text NOT NULL,
  payload text NOT NULL,
  result text,
  -- The term that did it.
  token numeric
);
