// Command kvbench has docker/libkv take its turns in the benchmark.
//
// usage: kvbench boltdb|zk PLACE
//
// PLACE is a directory for the database, or the server's host:port. Each line of the input is a turn, "put 64 200": the
// operation, how many callers, how many milliseconds. Each line of the output is its result, as JSON.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/docker/libkv"
	"github.com/docker/libkv/store"
	"github.com/docker/libkv/store/boltdb"
	"github.com/docker/libkv/store/zookeeper"
)

const (
	keyCount      = 1000
	deletionBatch = 640
)

var value = make([]byte, 100)

func key(i int64) string { return fmt.Sprintf("libkv/calls/%03d", i%keyCount) }

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "kvbench:", err)
		os.Exit(1)
	}
}

func open(driver, place string) store.Store {
	boltdb.Register()
	zookeeper.Register()
	config := &store.Config{ConnectionTimeout: 10 * time.Second}
	if driver == "boltdb" {
		place = filepath.Join(place, "libkv.db")
		config.Bucket = "kv"
		config.PersistConnection = true
	}
	s, err := libkv.NewStore(store.Backend(driver), []string{place}, config)
	must(err)
	return s
}

// call is one call: the i-th of all, by this caller.
type call func(i int64, caller int)

// operations are what the program can be told to do.
func operations(s store.Store) map[string]call {
	counters := make([]*store.KVPair, 1024)
	put := func(i int64, _ int) { must(s.Put(key(i), value, nil)) }
	for i := int64(0); i < keyCount; i++ {
		put(i, 0)
	}
	return map[string]call{
		"put": put,
		"get": func(i int64, _ int) {
			_, err := s.Get(key(i * 7919))
			must(err)
		},
		"atomicPut": func(_ int64, caller int) {
			name := fmt.Sprintf("libkv/counters/%d", caller)
			if counters[caller] == nil {
				must(s.Put(name, value, nil))
				pair, err := s.Get(name)
				must(err)
				counters[caller] = pair
			}
			_, pair, err := s.AtomicPut(name, value, counters[caller], nil)
			must(err)
			counters[caller] = pair
		},
		"delete": func(i int64, _ int) { must(s.Delete(fmt.Sprintf("libkv/deleted/%d", i))) },
		"list": func(int64, int) {
			pairs, err := s.List("libkv/calls")
			must(err)
			if len(pairs) != keyCount {
				must(fmt.Errorf("the list has %d pairs", len(pairs)))
			}
		},
	}
}

// result is what contestant.ts calls a turn.
type result struct {
	PerSecond float64 `json:"perSecond"`
	// CPU time of this process for each call, in microseconds.
	CPU float64 `json:"cpu"`
}

// turn makes calls until the time is over, or there have been so many.
func turn(do call, callers int, duration time.Duration, most int64) result {
	var begun, done int64
	var group sync.WaitGroup
	cpu, start := cpuTime(), time.Now()
	for caller := 0; caller < callers; caller++ {
		group.Add(1)
		go func(caller int) {
			defer group.Done()
			for time.Since(start) < duration {
				i := atomic.AddInt64(&begun, 1) - 1
				if i >= most {
					return
				}
				do(i, caller)
				atomic.AddInt64(&done, 1)
			}
		}(caller)
	}
	group.Wait()
	calls := float64(done)
	return result{calls / time.Since(start).Seconds(), float64((cpuTime() - cpu).Microseconds()) / calls}
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	if len(os.Args) != 3 {
		must(fmt.Errorf("usage: kvbench boltdb|zk PLACE"))
	}
	s := open(os.Args[1], os.Args[2])
	defer s.Close()
	known := operations(s)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var name string
		var callers int
		var milliseconds int64
		_, err := fmt.Sscan(lines.Text(), &name, &callers, &milliseconds)
		must(err)
		do, ok := known[name]
		if !ok {
			must(fmt.Errorf("there is no operation %s", name))
		}
		most := int64(1 << 62)
		if name == "delete" {
			// What is deleted has to be there first, which is not measured.
			most = deletionBatch
			turn(func(i int64, _ int) { must(s.Put(fmt.Sprintf("libkv/deleted/%d", i), value, nil)) }, 64, time.Hour, most)
		}
		line, err := json.Marshal(turn(do, callers, time.Duration(milliseconds)*time.Millisecond, most))
		must(err)
		fmt.Println(string(line))
	}
}
