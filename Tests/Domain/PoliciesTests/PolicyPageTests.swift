import Broker
import Foundation
import Policies
import Testing

@Suite("docs/policies.md")
struct PolicyPageTests {
    @Test("Every policy on the page can be used, and every key is on it")
    func page() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "docs/policies.md"), encoding: .utf8)
        let policies = page.matches(of: /```toml\n((?s).*?)```/).map { String($0.output.1) }
            .filter { !$0.hasPrefix("kind") }
        #expect(policies.count == 5)
        for text in policies { _ = try ResourcePolicy(toml: text, name: PolicyName("web")) }
        let refusal = #expect(throws: Refusal.self) { try ResourcePolicy(toml: "x = 1", name: PolicyName("web")) }
        let keys = try #require(refusal?.sentence.split(separator: "What there is: ").last)
        for key in keys.dropLast().split(separator: ", ") {
            #expect(page.contains("`\(key)`") || page.contains("`[\(key)]`"), "\(key)")
        }
    }
}
