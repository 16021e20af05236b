command_help() {
    cat <<'TEXT'
CloudVm: a cloud for Arm SVE virtual machines, on this machine.

  ./cloudvm up [--detach] [--port-base PORT]
                            build and start everything; Ctrl-C (or down) stops it
  ./cloudvm down            stop VMs, services and database; nothing is lost
  ./cloudvm status [--json] what is running; exit status 0 when all of it is ready
  ./cloudvm url             the API's address
  ./cloudvm token           a fresh administrator API token
  ./cloudvm reset-password  a new administrator password
  ./cloudvm logs [-f] [api|worker|web|postgresql|supervisor ...]
  ./cloudvm build           publish the services and print where they are
  ./cloudvm images [--update] [NAME ...]
                            build guest images from Debian packages, or list them
  ./cloudvm test [--long] [--differential] [--seconds N] [--seed S] [FILTER]
                            build with warnings as errors and run the tests; FILTER is part of
                            a test project's name or of a test's name; --differential compares
                            fresh instructions with qemu-aarch64 for a minute or for N seconds
  ./cloudvm bench NAME      measure: api, lifecycle or density; engine, boot or guest, side by
                            side with qemu-system-aarch64; sve, side by side with qemu-aarch64;
                            idle, 40 Debian VMs at rest

Settings, from the environment:
  CLOUDVM_PORT_BASE         first port (7400): API +0, node +10, dashboard +80
  CLOUDVM_API_URL, CLOUDVM_NODE_URL, CLOUDVM_WEB_URL
                            whole addresses, also to listen on another than loopback
  CLOUDVM_DATABASE          Npgsql connection string of a PostgreSQL server of yours, instead of
                            the private one
  CLOUDVM_STATE_DIR         everything that CloudVm keeps (.cloudvm beside this script)
  CLOUDVM_RUN_DIR           short private directory for sockets
  CLOUDVM_BUILD             a build made elsewhere (.cloudvm/builds/…), instead of building here
  CLOUDVM_IMAGES_DIR        directories with built-in guest images, separated by colons (images/
                            beside this script, and what was built from its recipes)
  CLOUDVM_IMAGE_CACHE       where images are built (.cloudvm/images)
  CLOUDVM_DEBIAN_MIRROR     Debian archive for them, instead of that of the machine's own sources
  CLOUDVM_DEMONSTRATION     image of the demonstration VM (debian-12-cloud; else hello-sve)
TEXT
}
