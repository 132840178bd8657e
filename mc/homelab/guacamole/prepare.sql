\set password `cat /run/secrets/guacamole_admin_password`

-- The public default login: replaced while it still is the default, so that a later change by hand stays.
WITH fresh AS (
    SELECT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')) AS salt
)
UPDATE guacamole_user
SET password_salt = fresh.salt,
    password_hash = sha256(convert_to(:'password' || upper(encode(fresh.salt, 'hex')), 'UTF8')),
    password_date = now()
FROM fresh, guacamole_entity
WHERE guacamole_entity.entity_id = guacamole_user.entity_id
  AND guacamole_entity.type = 'USER'
  AND guacamole_entity.name = 'guacadmin'
  AND guacamole_user.password_hash
      = sha256(convert_to('guacadmin' || upper(encode(guacamole_user.password_salt, 'hex')), 'UTF8'));

-- Who is in Authentik's group may administer.
INSERT INTO guacamole_entity (name, type) VALUES ('administrators', 'USER_GROUP') ON CONFLICT DO NOTHING;
INSERT INTO guacamole_user_group (entity_id)
SELECT entity_id FROM guacamole_entity WHERE type = 'USER_GROUP' AND name = 'administrators'
ON CONFLICT DO NOTHING;
INSERT INTO guacamole_system_permission (entity_id, permission)
SELECT entity_id, permission
FROM guacamole_entity, unnest(enum_range(NULL::guacamole_system_permission_type)) AS permission
WHERE type = 'USER_GROUP' AND name = 'administrators'
ON CONFLICT DO NOTHING;
