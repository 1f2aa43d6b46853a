using Npgsql;
using OrleansGateway.Grains.Catalog;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Ledger;

namespace OrleansGateway.Silo.Storage;

/// <summary>Reads the state of the catalog's grain where that stored it, without a silo.</summary>
internal static class StoredCatalog
{
    private const string Sql =
        """
        SELECT convert_to(state::text, 'UTF8') FROM grain_state
        WHERE service_id = $1 AND state_name = 'catalog' AND key_n0 = 0 AND key_n1 = 0 AND key_text = $2
        """;

    /// <returns>Null before the first is published.</returns>
    public static async Task<PublishedCatalog?> ReadAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Sql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = StateStorage.ServiceId });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = ICatalogGrain.Key });
        return await command.ExecuteScalarAsync(cancellationToken) is byte[] json
            ? new StateSerializer().Deserialize<CatalogState>(new BinaryData(json))?.ToPublished()
            : null;
    }
}
