using Npgsql;
using Xunit;

namespace OrleansGateway.Tests.Programs.Postgres;

/// <summary>
/// The one server of a test run: the one that <c>ConnectionStrings__Ledger</c> names, or a cluster of our own. Tests get
/// databases of their own on it. A test that stops its server starts a <see cref="PostgresCluster"/>.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private readonly string? _given = Environment.GetEnvironmentVariable("ConnectionStrings__Ledger");
    private readonly SemaphoreSlim _gate = new(1);
    private readonly Dictionary<string, string> _templates = [];
    private PostgresCluster? _cluster;
    private int _databases;

    private string ConnectionString => _cluster?.ConnectionString ?? _given!;

    public async ValueTask InitializeAsync()
    {
        if (string.IsNullOrEmpty(_given))
        {
            _cluster = await PostgresCluster.StartNewAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
            return;
        }

        foreach (var template in _templates.Values)
        {
            await DropDatabaseAsync(template);
        }
    }

    /// <summary>An empty database.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreateDatabaseAsync()
    {
        await _gate.WaitAsync();
        try
        {
            return await CreateAsync(template: null);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>A copy of a database that is prepared once a run.</summary>
    /// <param name="name">What the preparation is known by.</param>
    /// <param name="prepareAsync">Gets the template's connection string; must leave no session behind.</param>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreateDatabaseAsync(string name, Func<string, Task> prepareAsync)
    {
        await _gate.WaitAsync();
        try
        {
            if (!_templates.TryGetValue(name, out var template))
            {
                template = await CreateAsync(template: null);
                await prepareAsync(template);
                _templates.Add(name, template);
            }

            return await CreateAsync(template);
        }
        finally
        {
            _gate.Release();
        }
    }

    public Task DropDatabaseAsync(string connectionString) =>
        ExecuteAsync($"DROP DATABASE IF EXISTS \"{new NpgsqlConnectionStringBuilder(connectionString).Database}\" WITH (FORCE)");

    private async Task<string> CreateAsync(string? template)
    {
        var name = $"og_test_{Environment.ProcessId}_{++_databases}";
        var from = template is null ? "template0" : new NpgsqlConnectionStringBuilder(template).Database;
        await ExecuteAsync($"CREATE DATABASE \"{name}\" TEMPLATE \"{from}\"");
        return new NpgsqlConnectionStringBuilder(ConnectionString) { Database = name }.ConnectionString;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
