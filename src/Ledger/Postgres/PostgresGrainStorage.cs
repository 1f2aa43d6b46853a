using System.Data;
using System.Globalization;
using Npgsql;
using NpgsqlTypes;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansGateway.Grains.Contracts;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>
/// The states of grains in PostgreSQL: the rows that Microsoft.Orleans.Persistence.AdoNet reads and writes, by the statements
/// that it runs, so that an installation changes engine and finds its states.
/// </summary>
/// <remarks>Etags are the rows' versions. A cleared state keeps its row and etag. A state's name belongs to one kind of grains,
/// since the name and the key are all that a row is found by.</remarks>
/// <param name="dataSource">The ledger's, migrated; disposed by who made it.</param>
/// <param name="serializer">Makes JSON.</param>
public sealed class PostgresGrainStorage(NpgsqlDataSource dataSource, IGrainStorageSerializer serializer) : IGrainStorage
{
    private volatile Dictionary<string, string>? _statements;

    /// <inheritdoc/>
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ReadStateAsync(stateName, grainId, grainState, CancellationToken.None);

    /// <inheritdoc/>
    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        WriteStateAsync(stateName, grainId, grainState, CancellationToken.None);

    /// <inheritdoc/>
    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ClearStateAsync(stateName, grainId, grainState, CancellationToken.None);

    /// <inheritdoc/>
    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        await using var command = await CommandAsync("ReadFromStorageKey", stateName, grainId, cancellationToken);
        await using var reader = await command.ExecuteReaderAsync(CommandBehavior.SingleRow, cancellationToken);
        var isThere = await reader.ReadAsync(cancellationToken);
        var payload = isThere && !reader.IsDBNull("PayloadBinary") ? reader.GetFieldValue<byte[]>("PayloadBinary") : null;
        var state = payload is null ? default : serializer.Deserialize<T>(new(payload));
        grainState.State = state ?? Activator.CreateInstance<T>();
        grainState.ETag = isThere ? reader.GetInt32("Version").ToString(CultureInfo.InvariantCulture) : null;
        grainState.RecordExists = payload is not null;
    }

    /// <inheritdoc/>
    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        await using var command = await CommandAsync("WriteToStorageKey", stateName, grainId, cancellationToken);
        Add(command, "PayloadBinary", NpgsqlDbType.Bytea, serializer.Serialize(grainState.State).ToArray());
        grainState.ETag = await ChangeAsync(command, grainId, grainState.ETag, cancellationToken);
        grainState.RecordExists = true;
    }

    /// <inheritdoc/>
    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        if (grainState.ETag is null)
        {
            // As on Orleans: who has read nothing clears what is there.
            await ReadStateAsync(stateName, grainId, grainState, cancellationToken);
            if (!grainState.RecordExists)
            {
                return;
            }
        }

        await using var command = await CommandAsync("ClearStorageKey", stateName, grainId, cancellationToken);
        grainState.ETag = await ChangeAsync(command, grainId, grainState.ETag, cancellationToken);
        grainState.RecordExists = false;
        grainState.State = Activator.CreateInstance<T>();
    }

    /// <returns>The new etag.</returns>
    private static async Task<string> ChangeAsync(NpgsqlCommand command, GrainId grainId, string? etag, CancellationToken cancellationToken)
    {
        Add(command, "GrainStateVersion", NpgsqlDbType.Integer, etag is null ? null : int.Parse(etag, CultureInfo.InvariantCulture));
        return await command.ExecuteScalarAsync(cancellationToken) is int version
            ? version.ToString(CultureInfo.InvariantCulture)
            : throw new InconsistentStateException($"The stored state of {grainId} is not the one that was read, etag {etag ?? "none"}.");
    }

    private static void Add(NpgsqlCommand command, string name, NpgsqlDbType type, object? value) =>
        command.Parameters.Add(new NpgsqlParameter(name, type) { Value = value ?? DBNull.Value });

    private async Task<NpgsqlCommand> CommandAsync(
        string statement, string stateName, GrainId grainId, CancellationToken cancellationToken)
    {
        var statements = _statements ??= await ReadStatementsAsync(cancellationToken);
        var key = StateKey.Of(grainId);
        var command = dataSource.CreateCommand(statements[statement]);
        Add(command, "ServiceId", NpgsqlDbType.Text, StateStorage.ServiceId);
        Add(command, "GrainTypeString", NpgsqlDbType.Text, stateName);
        Add(command, "GrainIdN0", NpgsqlDbType.Bigint, key.N0);
        Add(command, "GrainIdN1", NpgsqlDbType.Bigint, key.N1);
        Add(command, "GrainIdExtensionString", NpgsqlDbType.Text, key.Text);
        return command;
    }

    private async Task<Dictionary<string, string>> ReadStatementsAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("SELECT querykey, querytext FROM orleansquery");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var statements = new Dictionary<string, string>();
        while (await reader.ReadAsync(cancellationToken))
        {
            statements.Add(reader.GetString(0), reader.GetString(1));
        }

        return statements;
    }
}
