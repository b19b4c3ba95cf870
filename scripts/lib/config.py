"""Sets and prints the ports of a bench: `config.py BENCH web=8010 db= ...` (an empty value keeps what is
there). A bench that scripts/bench made gets ports that are no one's default; another keeps its own.
Prints NAME=PORT lines, and `changed` if the file was written."""

import json
import sys
from pathlib import Path
from urllib.parse import urlparse

DEFAULTS = {"web": 8010, "db": 33010, "redis_cache": 13010, "redis_queue": 11010}

bench = Path(sys.argv[1])
asked = {k: int(v) for k, v in (arg.split("=", 1) for arg in sys.argv[2:]) if v}
state = bench / ".erpsync"
path = bench / "sites" / "common_site_config.json"
config = json.loads(path.read_text()) if path.exists() else {}
before = json.dumps(config, sort_keys=True)
ours = (state / "ours").exists()


def redis_port(key):
	return urlparse(config.get(key) or "").port


if ours:
	fresh = not config.get("erpsync_ports")
	held = {
		"web": config.get("webserver_port"),
		"db": config.get("db_port"),
		"redis_cache": redis_port("redis_cache"),
		"redis_queue": redis_port("redis_queue"),
	}
	ports = {k: asked.get(k) or (None if fresh else held[k]) or default for k, default in DEFAULTS.items()}
	config.update(
		erpsync_ports=1,
		webserver_port=ports["web"],
		db_host="127.0.0.1",
		db_port=ports["db"],
		db_socket=str(state / "mariadb" / "mariadb.sock"),
		redis_cache=f"redis://127.0.0.1:{ports['redis_cache']}",
		redis_socketio=f"redis://127.0.0.1:{ports['redis_cache']}",
		redis_queue=f"redis://127.0.0.1:{ports['redis_queue']}",
		developer_mode=config.get("developer_mode", 0),
		# `bench build` and friends must not look for a process manager that is not there
		restart_supervisor_on_update=False,
		restart_systemd_on_update=False,
		serve_default_site=False,
	)
else:
	ports = {
		"web": asked.get("web") or DEFAULTS["web"],  # its own web server may be running on its own port
		"db": config.get("db_port") or 3306,
		"redis_cache": redis_port("redis_cache") or 13000,
		"redis_queue": redis_port("redis_queue") or 11000,
	}

if json.dumps(config, sort_keys=True) != before:
	new = path.with_suffix(".json.new")
	new.write_text(json.dumps(config, indent=1, sort_keys=True))
	new.replace(path)
	print("changed")
for key, value in ports.items():
	print(f"{key}={value}")
