using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>Removes many rows a few at a time, each few in a transaction of their own, so that nothing waits long for one of them.</summary>
internal static class Batches
{
    /// <summary>Removes what is there when it comes to it. A row that somebody is writing is left for another time: it is in use.</summary>
    /// <param name="dataSource">The ledger's.</param>
    /// <param name="table">The table.</param>
    /// <param name="which">A condition and an order that have an index.</param>
    /// <param name="atOnce">The most rows of a transaction.</param>
    /// <param name="cancellationToken">Stops it between two.</param>
    /// <param name="parameters">The condition's.</param>
    /// <returns>How many rows were removed.</returns>
    public static async Task<long> DeleteAsync(
        NpgsqlDataSource dataSource, string table, string which, int atOnce, CancellationToken cancellationToken, params NpgsqlParameter[] parameters)
    {
        var removed = 0L;
        while (true)
        {
            await using var command = dataSource.CreateCommand(Sql(table, which, atOnce));
            foreach (var parameter in parameters)
            {
                command.Parameters.Add(parameter.Clone());
            }

            var rows = await command.ExecuteNonQueryAsync(cancellationToken);
            removed += rows;
            if (rows < atOnce)
            {
                return removed;
            }
        }
    }

    internal static string Sql(string table, string which, int atOnce) =>
        $"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {which} LIMIT {atOnce} FOR UPDATE SKIP LOCKED))";
}
