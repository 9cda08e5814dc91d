// Package engine runs a Docker engine of its own for the container stories, and what is needed to build the project's
// image where no registry can be reached.
//
// It promises that nothing of the machine's own Docker, network or firewall is touched: engine, containers and tests run in
// namespaces of processes, mounts and network of their own, in which every port is free, and no process outlives the program
// that called Main, however that ended. One that is killed leaves a folder holt-docker-… among the system's temporary files.
//
// The image that the Dockerfile builds upon is not pulled: a stand-in takes its name. It holds this machine's Go, the few
// programs and certificates the build uses, and the modules of go.mod as a proxy on its disk. So the very Dockerfile is
// built, with the same commands, but not upon the same root as elsewhere.
//
// It needs Linux and root, and the programs of Tools.
package engine
