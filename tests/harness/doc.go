// Package harness runs the built program as processes for the black-box tests: members with folders and addresses of
// their own, alone or as a cluster, killed, stopped and started again.
//
// It promises that only processes it started itself are ended, that all of them are gone when the test binary is gone,
// however that ended, that every wait has a deadline, and that what the processes logged is printed when a test fails.
//
// It knows the program by its variables, its exit codes and its HTTP interface alone, and it runs on Linux only.
package harness
