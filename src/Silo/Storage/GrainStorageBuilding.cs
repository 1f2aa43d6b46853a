using Microsoft.Extensions.Options;
using Npgsql;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Storage;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Silo.Storage;

/// <summary>Where Orleans keeps what is not money: the states of grains, and reminders, in tables and statements of our migrations.</summary>
internal static class GrainStorageBuilding
{
    private const string Invariant = "Npgsql";
    private const string ProviderName = "adonet";

    /// <summary>Adds both, in the host's <see cref="NpgsqlDataSource"/>, which is migrated before the silo starts.</summary>
    public static void AddGrainStorage(this ISiloBuilder silo)
    {
        silo.AddAdoNetGrainStorage(ProviderName, (OptionsBuilder<AdoNetGrainStorageOptions> storage) =>
            storage.Configure<NpgsqlDataSource>((options, database) =>
            {
                options.Invariant = Invariant;
                options.DataSource = database;
                options.GrainStorageSerializer = new StateSerializer();
            }));
        silo.Services.AddKeyedSingleton<IGrainStorage>(StateStorage.Name, (provider, _) =>
            new ExactKeyStorage(provider.GetRequiredKeyedService<IGrainStorage>(ProviderName)));
        silo.UseAdoNetReminderService((OptionsBuilder<AdoNetReminderTableOptions> reminders) =>
            reminders.Configure<NpgsqlDataSource>((options, database) => (options.Invariant, options.DataSource) = (Invariant, database)));
    }
}
