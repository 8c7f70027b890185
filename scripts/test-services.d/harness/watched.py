"""Servers that say who they are, and a balancer before them whose admin server can be looked at."""

import signal
import string

import packages

CONFIGURATION = string.Template("""
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr notice;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    add_header X-Server ${name};
    location = / { return 200 "ok"; }
  }
}
""")


def watched(stage, servers):
  """A balancer in front of these, whose admin server has a port of its own."""
  return stage.balancer(
    servers, {"type": "http", "http": {"path": "/", "body": "ok"}}, listener={"mode": "http"},
    more={"admin": {"listen": f"127.0.0.1:{stage.ports.next()}"}})


def start_again(balancer):
  """As it has ended, with what its file is now."""
  balancer.has_ended = False
  balancer.start()


def address(balancer):
  return f"http://{balancer.content['admin']['listen']}/"


def nginx(stage, name):
  port = stage.ports.next()
  folder = stage.folder / name
  folder.mkdir()
  configuration = folder / "nginx.conf"
  configuration.write_text(CONFIGURATION.substitute(folder=folder, port=port, name=name))
  return stage.server(
    name, port, [packages.find("nginx"), "-e", "stderr", "-p", folder, "-c", configuration], stop=signal.SIGQUIT)
