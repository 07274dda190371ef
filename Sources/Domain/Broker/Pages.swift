/// All entries of a store's list, page by page.
///
/// - Parameters:
///   - name: an entry's name, after which the next page begins.
///   - page: reads a page.
func allPages<Entry>(
    by name: (Entry) -> String, _ page: (_ after: String, _ limit: Int) async throws -> [Entry]
) async throws -> [Entry] {
    var all: [Entry] = []
    while true {
        let entries = try await page(all.last.map(name) ?? "", 100)
        all += entries
        if entries.count < 100 { return all }
    }
}
