CREATE TEMPORARY TABLE "events" AS 
SELECT event_name AS "name", owner AS "owner", person AS "person", trait0 AS "trait0", trait1 AS "trait1", seconds AS "time",
  CAST(FLOOR(seconds / 900) AS BIGINT) AS "quarter",
  CASE WHEN insert_id IS NOT NULL THEN LEFT(SHA2(CONCAT_WS(CHR(31), event_name, COALESCE(person, ''),
    CAST(seconds AS VARCHAR), insert_id), 256), 32) END AS "copy_key",
  processed AS "processed", LEFT(MD5(CONCAT_WS(CHR(31), COALESCE(owner, ''), reason, trait0, trait1)), 12) AS "place",
  reason AS "reason", id AS "id"
FROM (
  SELECT event_name, insert_id, id, DATE_PART(EPOCH_SECOND, time) AS seconds, CASE WHEN CONTAINS(TO_VARCHAR(GET(properties, 'plan')), '@') THEN '@' ELSE COALESCE(TO_VARCHAR(GET(properties, 'plan')), '') END AS trait0, CASE WHEN CONTAINS(TO_VARCHAR(GET(properties, '$os')), '@') THEN '@' ELSE COALESCE(TO_VARCHAR(GET(properties, '$os')), '') END AS trait1,
    TO_JSON(GET(properties, 'company_id')) AS owner,
    CASE WHEN id <> '' THEN LEFT(SHA2(CONCAT('5a175a175a175a175a175a175a175a175a175a175a175a175a175a175a175a17', id), 256), 16) END AS person,
    TRY_CAST(TO_VARCHAR(GET(properties, 'mp_processing_time_ms')) AS BIGINT) AS processed,
    COALESCE(TO_VARCHAR(GET(properties, 'reason')), '') AS reason
  FROM (
    SELECT event.event_name, event.insert_id, event.time, event.properties,
      COALESCE(mapping.resolved, event.distinct_id) AS id
    FROM "EVENTS"."PUBLIC"."MP_MASTER_EVENT" AS event
    LEFT JOIN (
      SELECT distinct_id, MIN(resolved_distinct_id) AS resolved FROM "EVENTS"."PUBLIC"."MP_IDENTITY_MAPPINGS_DATA"
      WHERE distinct_id <> resolved_distinct_id AND distinct_id <> '' AND resolved_distinct_id <> ''
      GROUP BY distinct_id
    ) AS mapping ON event.distinct_id = mapping.distinct_id
    WHERE event.time >= TO_TIMESTAMP_NTZ(1774656000) AND event.time < TO_TIMESTAMP_NTZ(1774915200)
      AND event.event_name NOT IN ('$identify', '$create_alias', '$merge', '$hotshard_events', '$hotshard_record') AND LEFT(event.event_name, 9) <> 'handrail_' 
  )
);

CREATE TEMPORARY TABLE "repeated" AS SELECT "copy_key" FROM "events" WHERE NOT "copy_key" IS NULL GROUP BY "copy_key" HAVING COUNT(*) > 1;

CREATE TEMPORARY TABLE "counted" AS SELECT "kept"."name", "kept"."owner", "kept"."person", "kept"."trait0", "kept"."trait1", "kept"."time" - "quarters"."shift" AS "time", "kept"."reason", "quarters"."true_quarter" AS "quarter", "quarters"."day", "quarters"."hour" FROM (SELECT "events"."name", "events"."owner", "events"."person", "events"."trait0", "events"."trait1", "events"."time", "events"."quarter", "events"."reason" FROM "events" LEFT JOIN "repeated" ON "events"."copy_key" = "repeated"."copy_key" WHERE "repeated"."copy_key" IS NULL UNION ALL SELECT "name", "owner", "person", "trait0", "trait1", "time", "quarter", "reason" FROM (SELECT "events"."name", "events"."owner", "events"."person", "events"."trait0", "events"."trait1", "events"."time", "events"."quarter", "events"."reason", ROW_NUMBER() OVER (PARTITION BY "events"."copy_key", "events"."name", "events"."person", "events"."time" ORDER BY "events"."processed" DESC NULLS LAST, "events"."place") AS "copy" FROM "events" JOIN "repeated" ON "events"."copy_key" = "repeated"."copy_key") AS "copies" WHERE "copy" = 1) AS "kept" JOIN "quarters" ON "kept"."quarter" = "quarters"."quarter";

CREATE TEMPORARY TABLE "quarter_sum" AS SELECT "owner", "person", "quarter", MIN("day") AS "day", COUNT(*) AS "events", MIN("time") AS "began", MAX("time") AS "ended" FROM "counted" GROUP BY "owner", "person", "quarter";

CREATE TEMPORARY TABLE "user_sum" AS SELECT "owner", "day", "person", CAST(SUM("events") AS BIGINT) AS "events" FROM "quarter_sum" GROUP BY "owner", "day", "person";

CREATE TEMPORARY TABLE "visits" AS SELECT "person", "quarter", SUM("starts") OVER (PARTITION BY "person" ORDER BY "quarter" NULLS FIRST rows BETWEEN UNBOUNDED preceding AND CURRENT ROW) AS "session" FROM (SELECT "person", "quarter", CASE WHEN "day" = "day_before" AND "began" - "ended_before" <= 1800 THEN 0 ELSE 1 END AS "starts" FROM (SELECT "person", "quarter", "day", "began", LAG("day") OVER (PARTITION BY "person" ORDER BY "quarter" NULLS FIRST) AS "day_before", LAG("ended") OVER (PARTITION BY "person" ORDER BY "quarter" NULLS FIRST) AS "ended_before" FROM (SELECT "person", "quarter", MIN("day") AS "day", MIN("began") AS "began", MAX("ended") AS "ended" FROM "quarter_sum" WHERE NOT "person" IS NULL GROUP BY "person", "quarter") AS "seen") AS "in_order") AS "marked";

CREATE TEMPORARY TABLE "session_sum" AS SELECT DISTINCT "quarter_sum"."owner", "quarter_sum"."day", "quarter_sum"."person", "visits"."session" FROM "quarter_sum" JOIN "visits" ON "quarter_sum"."person" = "visits"."person" AND "quarter_sum"."quarter" = "visits"."quarter";

SELECT DISTINCT "person", "id" FROM "events" WHERE NOT "person" IS NULL;

SELECT "owner", "day", "person", "events" FROM "user_sum";

SELECT "owner", "day", "person", "session" FROM "session_sum";

SELECT "owner", "day", "name", "person", COUNT(*) AS "events" FROM "counted" GROUP BY "owner", "day", "name", "person";

SELECT "owner", "day", "trait0", "trait1", "person", COUNT(*) AS "events" FROM "counted" GROUP BY "owner", "day", "trait0", "trait1", "person";

SELECT "owner", "day", "hour", COUNT(*) AS "events" FROM "counted" GROUP BY "owner", "day", "hour";
