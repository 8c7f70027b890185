"""nginx and Apache with a configuration of the test's own."""

import os
import pwd
import signal
import string
from pathlib import Path

import packages

NGINX = string.Template("""
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr notice;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  default_type application/octet-stream;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_max_body_size 0;
  keepalive_requests 1000000;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    add_header X-Server ${port};
    root ${root};
    location = / { return 200 "ok"; }
    ${server}
  }
}
""")

MODULES = Path("/usr/lib/apache2/modules")
APACHE = string.Template("""
ServerRoot ${folder}
ServerName ${name}
PidFile ${folder}/apache.pid
ErrorLog ${folder}/errors
Listen 127.0.0.1:${port}
ListenBacklog 4096
StartServers 1
ThreadsPerChild 64
MaxRequestWorkers 128
${modules}
${identity}
TypesConfig /etc/mime.types
DocumentRoot ${root}
Header always set X-Server ${port}
${more}
""")


def nginx(stage, name, root=None, server=""):
  """It answers / with ok and everything with the port that it listens on; `server` stands in its server block."""
  port = stage.ports.next()
  folder = prepare(stage, name)
  # Its workers may be nobody's.
  for each in ("dav", "body"):
    (folder / each).mkdir()
    (folder / each).chmod(0o777)
  configuration = folder / "nginx.conf"
  server = string.Template(server).safe_substitute(folder=folder)
  configuration.write_text(NGINX.substitute(folder=folder, port=port, root=root or folder, server=server))
  # SIGQUIT: open requests are answered first.
  return stage.server(
    name, port, [packages.find("nginx"), "-e", "stderr", "-p", folder, "-c", configuration], stop=signal.SIGQUIT)


def apache(stage, name, root, modules, more):
  """It answers everything with the port that it listens on; `more` are lines of its configuration."""
  port = stage.ports.next()
  folder = prepare(stage, name)
  identity = ""
  if os.geteuid() == 0:
    folder.chmod(0o777)
    identity = f"User #{pwd.getpwnam('nobody').pw_uid}\nGroup #{pwd.getpwnam('nobody').pw_gid}"
  loaded = "\n".join(f"LoadModule {each}_module {MODULES}/mod_{each}.so" for each in modules)
  configuration = folder / "apache.conf"
  configuration.write_text(APACHE.substitute(
    folder=folder, name=name, port=port, root=root, modules=loaded, identity=identity, more=more))
  return stage.server(name, port, [packages.find("apache2"), "-f", configuration, "-DFOREGROUND"])


def prepare(stage, name):
  folder = stage.folder / name
  folder.mkdir()
  return folder
