using System.Text.Json;
using System.Text.RegularExpressions;
using Npgsql;
using OrleansGateway.Tests.Programs.Postgres;

namespace OrleansGateway.Tests.Integration.Ledger.Releases;

/// <summary>What a release's build sent to the database for some work, and what it was answered: test data that outlives the build.</summary>
/// <param name="Texts">The statements' texts, each once.</param>
/// <param name="Sent">What was sent, in its order.</param>
internal sealed partial record ReleaseStatements(IReadOnlyList<string> Texts, IReadOnlyList<SentStatement> Sent)
{
    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true };

    public static ReleaseStatements Read(string path) => JsonSerializer.Deserialize<ReleaseStatements>(File.ReadAllText(path), Format)!;

    public void Write(string path) => File.WriteAllText(path, JsonSerializer.Serialize(this, Format) + "\n");

    /// <summary>Notes what some work sends: from the log of a server, where values stand as PostgreSQL writes them.</summary>
    /// <param name="cluster">The server; the work is its first.</param>
    /// <param name="workAsync">The work, in sessions that it is given.</param>
    public static async Task<ReleaseStatements> RecordAsync(PostgresCluster cluster, Func<NpgsqlDataSource, Task> workAsync)
    {
        await using (var dataSource = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(cluster.ConnectionString) { Options = "-c log_min_duration_statement=0 -c TimeZone=UTC" }))
        {
            await workAsync(dataSource);
        }

        await using var reader = NpgsqlDataSource.Create(cluster.ConnectionString);
        await using var read = reader.CreateCommand("SELECT pg_read_file($1)");
        read.Parameters.Add(new() { Value = cluster.LogPath });
        var log = (string)(await read.ExecuteScalarAsync())!;

        // What Npgsql asks by itself of a server that it meets is none of it.
        var statements = Executed().Matches(log).Where(match => !match.Groups["text"].Value.Contains("version()", StringComparison.Ordinal)
            && !match.Groups["text"].Value.Contains("pg_", StringComparison.Ordinal)).Select(match => (
            Text: match.Groups["text"].Value.Replace("\n\t", "\n", StringComparison.Ordinal),
            Values: Parameter().Matches(match.Groups["parameters"].Value)
                .Select(one => one.Groups["value"] is { Success: true } value ? value.Value.Replace("''", "'", StringComparison.Ordinal) : null).ToList())).ToList();
        var texts = statements.Select(statement => statement.Text).Distinct().ToList();
        return new ReleaseStatements(
            texts,
            [
                .. statements.Select(statement => new SentStatement(
                    texts.IndexOf(statement.Text), [.. statement.Values.Select((value, i) => TypeOf(statement.Text, i + 1, value))], statement.Values, [])),
            ]);
    }

    /// <summary>Sends all of it again.</summary>
    /// <returns>The same, with the answers that came.</returns>
    public async Task<ReleaseStatements> SendAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var answered = new List<SentStatement>();
        foreach (var sent in Sent)
        {
            var types = sent.Types.Count == 0 ? "" : $"({string.Join(", ", sent.Types)})";
            var values = sent.Values.Count == 0 ? "" : $"({string.Join(", ", sent.Values.Select(Quote))})";
            await using (var prepare = new NpgsqlCommand($"PREPARE sent{types} AS {Texts[sent.Text]}", connection))
            {
                await prepare.ExecuteNonQueryAsync(cancellationToken);
            }

            var rows = new List<string>();
            await using (var execute = new NpgsqlCommand($"EXECUTE sent{values}", connection) { AllResultTypesAreUnknown = true })
            {
                await using var reader = await execute.ExecuteReaderAsync(cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                {
                    rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? "NULL" : reader.GetString(i))));
                }
            }

            await using (var forget = new NpgsqlCommand("DEALLOCATE sent", connection))
            {
                await forget.ExecuteNonQueryAsync(cancellationToken);
            }

            answered.Add(sent with { Rows = rows });
        }

        return this with { Sent = answered };
    }

    private static string Quote(string? value) => value is null ? "NULL" : $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>Most are told by the text itself; an array that it does not cast is one of texts.</summary>
    private static string TypeOf(string text, int number, string? value) =>
        value?.StartsWith('{') == true && !text.Contains($"${number}::", StringComparison.Ordinal) ? "text[]" : "unknown";

    [GeneratedRegex(
        @"^\d{4}-[^\n]*LOG:  duration: [^\n]*?  execute [^:\n]*: (?<text>[^\n]*(\n\t[^\n]*)*)"
        + @"(\n\d{4}-[^\n]*DETAIL:  [Pp]arameters: (?<parameters>[^\n]*(\n\t[^\n]*)*))?",
        RegexOptions.Multiline)]
    private static partial Regex Executed();

    [GeneratedRegex(@"\$\d+ = (NULL|'(?<value>([^']|'')*)')")]
    private static partial Regex Parameter();
}

/// <summary>One statement that was sent.</summary>
/// <param name="Text">Which text.</param>
/// <param name="Types">PostgreSQL's names of the parameters' types.</param>
/// <param name="Values">The parameters as PostgreSQL writes them; null for NULL.</param>
/// <param name="Rows">What it was answered, a line a row.</param>
internal sealed record SentStatement(int Text, IReadOnlyList<string> Types, IReadOnlyList<string?> Values, IReadOnlyList<string> Rows);
