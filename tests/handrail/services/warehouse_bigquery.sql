CREATE TEMP TABLE `events` AS 
SELECT event_name AS name, owner, person, trait0, trait1, time, CAST(FLOOR(time / 900) AS INT64) AS quarter,
  CASE WHEN insert_id IS NOT NULL THEN LEFT(TO_HEX(SHA256(CONCAT(event_name, '\x1f', COALESCE(person, ''),
    '\x1f', CAST(time AS STRING), '\x1f', insert_id))), 32) END AS copy_key,
  processed, LEFT(TO_HEX(MD5(CONCAT(COALESCE(owner, ''), '\x1f', reason, trait0, '\x1f', trait1))), 12) AS place, reason, id
FROM (
  SELECT event_name, insert_id, id, UNIX_SECONDS(time) AS time, CASE WHEN STRPOS(CASE WHEN JSON_TYPE(properties['plan']) IN ('array', 'object') THEN TO_JSON_STRING(properties['plan']) ELSE LAX_STRING(properties['plan']) END, '@') > 0 THEN '@' ELSE COALESCE(CASE WHEN JSON_TYPE(properties['plan']) IN ('array', 'object') THEN TO_JSON_STRING(properties['plan']) ELSE LAX_STRING(properties['plan']) END, '') END AS trait0, CASE WHEN STRPOS(CASE WHEN JSON_TYPE(properties['$os']) IN ('array', 'object') THEN TO_JSON_STRING(properties['$os']) ELSE LAX_STRING(properties['$os']) END, '@') > 0 THEN '@' ELSE COALESCE(CASE WHEN JSON_TYPE(properties['$os']) IN ('array', 'object') THEN TO_JSON_STRING(properties['$os']) ELSE LAX_STRING(properties['$os']) END, '') END AS trait1,
    CASE WHEN properties['company_id'] IS NOT NULL THEN TO_JSON_STRING(properties['company_id']) END AS owner,
    CASE WHEN id <> '' THEN LEFT(TO_HEX(SHA256(CONCAT('5a175a175a175a175a175a175a175a175a175a175a175a175a175a175a175a17', id))), 16) END AS person,
    SAFE_CAST(LAX_STRING(properties['mp_processing_time_ms']) AS INT64) AS processed,
    COALESCE(CASE WHEN JSON_TYPE(properties['reason']) IN ('array', 'object') THEN TO_JSON_STRING(properties['reason']) ELSE LAX_STRING(properties['reason']) END, '') AS reason
  FROM (
    SELECT event.event_name, event.insert_id, event.time, event.properties,
      COALESCE(mapping.resolved, event.distinct_id) AS id
    FROM `our-project.mixpanel.mp_master_event` AS event
    LEFT JOIN (
      SELECT distinct_id, MIN(resolved_distinct_id) AS resolved FROM `our-project.mixpanel.mp_identity_mappings_data_view`
      WHERE distinct_id <> resolved_distinct_id AND distinct_id <> '' AND resolved_distinct_id <> ''
      GROUP BY distinct_id
    ) AS mapping ON event.distinct_id = mapping.distinct_id
    WHERE event._PARTITIONTIME >= TIMESTAMP_SECONDS(1774656000)
      AND event.time >= TIMESTAMP_SECONDS(1774656000) AND event.time < TIMESTAMP_SECONDS(1774915200)
      AND event.event_name NOT IN ('$identify', '$create_alias', '$merge', '$hotshard_events', '$hotshard_record') AND LEFT(event.event_name, 9) <> 'handrail_' 
  )
);

CREATE TEMP TABLE `repeated` AS SELECT `copy_key` FROM `events` WHERE NOT `copy_key` IS NULL GROUP BY `copy_key` HAVING COUNT(*) > 1;

CREATE TEMP TABLE `counted` AS SELECT `kept`.`name`, `kept`.`owner`, `kept`.`person`, `kept`.`trait0`, `kept`.`trait1`, `kept`.`time` - `quarters`.`shift` AS `time`, `kept`.`reason`, `quarters`.`true_quarter` AS `quarter`, `quarters`.`day`, `quarters`.`hour` FROM (SELECT `events`.`name`, `events`.`owner`, `events`.`person`, `events`.`trait0`, `events`.`trait1`, `events`.`time`, `events`.`quarter`, `events`.`reason` FROM `events` LEFT JOIN `repeated` ON `events`.`copy_key` = `repeated`.`copy_key` WHERE `repeated`.`copy_key` IS NULL UNION ALL SELECT `name`, `owner`, `person`, `trait0`, `trait1`, `time`, `quarter`, `reason` FROM (SELECT `events`.`name`, `events`.`owner`, `events`.`person`, `events`.`trait0`, `events`.`trait1`, `events`.`time`, `events`.`quarter`, `events`.`reason`, ROW_NUMBER() OVER (PARTITION BY `events`.`copy_key`, `events`.`name`, `events`.`person`, `events`.`time` ORDER BY `events`.`processed` DESC, `events`.`place` NULLS LAST) AS `copy` FROM `events` JOIN `repeated` ON `events`.`copy_key` = `repeated`.`copy_key`) AS `copies` WHERE `copy` = 1) AS `kept` JOIN `quarters` ON `kept`.`quarter` = `quarters`.`quarter`;

CREATE TEMP TABLE `quarter_sum` AS SELECT `owner`, `person`, `quarter`, MIN(`day`) AS `day`, COUNT(*) AS `events`, MIN(`time`) AS `began`, MAX(`time`) AS `ended` FROM `counted` GROUP BY `owner`, `person`, `quarter`;

CREATE TEMP TABLE `user_sum` AS SELECT `owner`, `day`, `person`, CAST(SUM(`events`) AS INT64) AS `events` FROM `quarter_sum` GROUP BY `owner`, `day`, `person`;

CREATE TEMP TABLE `visits` AS SELECT `person`, `quarter`, SUM(`starts`) OVER (PARTITION BY `person` ORDER BY `quarter` rows BETWEEN UNBOUNDED preceding AND CURRENT ROW) AS `session` FROM (SELECT `person`, `quarter`, CASE WHEN `day` = `day_before` AND `began` - `ended_before` <= 1800 THEN 0 ELSE 1 END AS `starts` FROM (SELECT `person`, `quarter`, `day`, `began`, LAG(`day`) OVER (PARTITION BY `person` ORDER BY `quarter`) AS `day_before`, LAG(`ended`) OVER (PARTITION BY `person` ORDER BY `quarter`) AS `ended_before` FROM (SELECT `person`, `quarter`, MIN(`day`) AS `day`, MIN(`began`) AS `began`, MAX(`ended`) AS `ended` FROM `quarter_sum` WHERE NOT `person` IS NULL GROUP BY `person`, `quarter`) AS `seen`) AS `in_order`) AS `marked`;

CREATE TEMP TABLE `session_sum` AS SELECT DISTINCT `quarter_sum`.`owner`, `quarter_sum`.`day`, `quarter_sum`.`person`, `visits`.`session` FROM `quarter_sum` JOIN `visits` ON `quarter_sum`.`person` = `visits`.`person` AND `quarter_sum`.`quarter` = `visits`.`quarter`;

SELECT DISTINCT `person`, `id` FROM `events` WHERE NOT `person` IS NULL;

SELECT `owner`, `day`, `person`, `events` FROM `user_sum`;

SELECT `owner`, `day`, `person`, `session` FROM `session_sum`;

SELECT `owner`, `day`, `name`, `person`, COUNT(*) AS `events` FROM `counted` GROUP BY `owner`, `day`, `name`, `person`;

SELECT `owner`, `day`, `trait0`, `trait1`, `person`, COUNT(*) AS `events` FROM `counted` GROUP BY `owner`, `day`, `trait0`, `trait1`, `person`;

SELECT `owner`, `day`, `hour`, COUNT(*) AS `events` FROM `counted` GROUP BY `owner`, `day`, `hour`;
