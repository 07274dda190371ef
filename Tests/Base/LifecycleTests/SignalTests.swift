import Concurrency
import Foundation
import Lifecycle
import Testing

/// Signals belong to the whole process, in which other tests have servers: each test has a process of its own.
@Suite("Signals")
struct SignalTests {
    /// Signals that came to a watch, one after another.
    private struct Watched {
        let watch: SignalWatch
        private let signals: AsyncStream<Signal>

        init(_ signals: [Signal]) {
            let (stream, came) = AsyncStream.makeStream(of: Signal.self)
            watch = SignalWatch(signals) { came.yield($0) }
            self.signals = stream
        }

        func next() async -> Signal? { await signals.first { _ in true } }
    }

    private static func isHandled(_ signal: Int32) -> Bool {
        var now = sigaction()
        sigaction(signal, nil, &now)
        return now.__sigaction_handler.sa_handler != nil
    }

    @Test("Each signal that would end the process is told of instead")
    func ending() async {
        await #expect(processExitsWith: .success) {
            for signal in Signal.ending {
                let watched = Watched([signal])
                defer { watched.watch.end() }
                kill(getpid(), signal.number)
                let came = await watched.next()
                #expect(came == signal)
            }
        }
    }

    @Test("All who watch a signal are told, and those who watch another are not")
    func several() async {
        await #expect(processExitsWith: .success) {
            let (first, second, other) = (Watched([.user1]), Watched([.user1, .user2]), Watched([.user2]))
            defer { for each in [first, second, other] { each.watch.end() } }
            kill(getpid(), SIGUSR1)
            var (one, two) = (await first.next(), await second.next())
            #expect(one == .user1 && two == .user1)
            kill(getpid(), SIGUSR2)
            (one, two) = (await second.next(), await other.next())
            #expect(one == .user2 && two == .user2)
        }
    }

    @Test("The last watch that goes leaves the signal as it was")
    func restored() async {
        await #expect(processExitsWith: .success) {
            #expect(!Self.isHandled(SIGUSR1))
            let first = SignalWatch([.user1]) { _ in }
            let second = SignalWatch([.user1, .hangUp]) { _ in }
            #expect(Self.isHandled(SIGUSR1) && Self.isHandled(SIGHUP))
            first.end()
            #expect(Self.isHandled(SIGUSR1) && Self.isHandled(SIGHUP))
            second.end()
            #expect(!Self.isHandled(SIGUSR1) && !Self.isHandled(SIGHUP))
        }
    }

    @Test("Signals have the names that kill(1) knows")
    func names() {
        #expect("\(Signal.hangUp) \(Signal.user2) \(Signal(number: SIGALRM))" == "SIGHUP SIGUSR2 SIGALRM")
        #expect("\(Signal(number: 40))" == "signal 40")
    }
}

@Suite("Telling the service manager")
struct ServiceManagerTests {
    /// A datagram socket in the manager's place.
    private final class Manager {
        let descriptor: Int32

        init(name: String) throws {
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            var bytes = Array(name.utf8)
            let isAbstract = bytes.first == UInt8(ascii: "@")
            if isAbstract { bytes[0] = 0 }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
            let length = socklen_t(2 + bytes.count + (isAbstract ? 0 : 1))
            let bound = withUnsafePointer(to: address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
            }
            try #require(bound == 0)
        }

        deinit { close(descriptor) }

        func next() -> String {
            var buffer = [UInt8](repeating: 0, count: 4_096)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
        }
    }

    private static let path = "/tmp/kbs-notify-\(UUID().uuidString.prefix(8))"

    @Test("Each step is one message, to a path and to an abstract name", arguments: [path, "@\(path)"])
    func steps(name: String) throws {
        let manager = try Manager(name: name)
        defer { unlink(name) }
        let notifier = try #require(ServiceManager(["NOTIFY_SOCKET": name]))
        #expect(notifier.watchdog == nil)
        notifier.ready("listening on 127.0.0.1:8080")
        #expect(manager.next() == "READY=1\nSTATUS=listening on 127.0.0.1:8080")
        notifier.say("a\nREADY=1\r\nb")
        #expect(manager.next() == "STATUS=a READY=1 b")
        notifier.alive()
        #expect(manager.next() == "WATCHDOG=1")
        notifier.stopping("stopping")
        #expect(manager.next() == "STOPPING=1\nSTATUS=stopping")
    }

    @Test("Reloading says when it began, on the clock that the manager compares it with")
    func reloading() throws {
        let name = "@\(Self.path)-reload"
        let manager = try Manager(name: name)
        func now() -> Int {
            var now = timespec()
            clock_gettime(CLOCK_MONOTONIC, &now)
            return now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
        }
        let before = now()
        ServiceManager(["NOTIFY_SOCKET": name])?.reloading()
        let message = manager.next()
        let prefix = "RELOADING=1\nMONOTONIC_USEC="
        #expect(message.hasPrefix(prefix))
        let time = try #require(Int(message.dropFirst(prefix.count)))
        #expect((before...now()).contains(time))
    }

    @Test("The watchdog's time is taken over, unless it is another process's")
    func watchdog() {
        func watchdog(_ more: [String: String]) -> Duration? {
            ServiceManager(["NOTIFY_SOCKET": "/run/x"].merging(more) { $1 })?.watchdog
        }
        #expect(watchdog(["WATCHDOG_USEC": "30000000"]) == .seconds(30))
        #expect(watchdog(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "\(getpid())"]) == .seconds(30))
        #expect(watchdog(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"]) == nil)
        for bad in ["0", "-1", "soon", ""] { #expect(watchdog(["WATCHDOG_USEC": bad]) == nil) }
    }

    @Test("Without a socket nobody is told, and one that is not there is no fault", arguments: ["", "x", "vsock:2:1"])
    func none(name: String) {
        #expect(ServiceManager(["NOTIFY_SOCKET": name]) == nil)
        #expect(ServiceManager([:]) == nil)
        ServiceManager(["NOTIFY_SOCKET": "/nowhere/at/all"])?.alive()
        ServiceManager(["NOTIFY_SOCKET": "/\(String(repeating: "x", count: 200))"])?.alive()
    }
}
