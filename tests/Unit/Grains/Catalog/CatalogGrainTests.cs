using OrleansGateway.Grains.Catalog;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Unit.Catalog;
using Xunit;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Grains.Catalog;

public sealed class CatalogGrainTests
{
    private static readonly string First = CatalogText.Valid;
    private static readonly string Second = CatalogText.With("\"tiny\"", "\"wee\"");
    private static readonly string Third = CatalogText.With("\"tiny\"", "\"little\"");

    private readonly StoredStates _storage = new();

    [Fact]
    public async Task GetAsync_NothingPublished_IsNull()
    {
        await using var silo = new CatalogSilo(_storage);

        Assert.Null(await silo.Grain.GetAsync(0));
    }

    [Fact]
    public async Task SeedAsync_NothingPublished_PublishesVersionOne()
    {
        await using var silo = new CatalogSilo(_storage);

        var answer = await silo.SeedAsync(First);
        var published = await silo.Grain.GetAsync(0);

        Assert.Equal((PublishOutcome.Published, 1), (answer.Outcome, answer.Version));
        Assert.Equal((1, "catalog.json", silo.Clock.GetUtcNow()), (published!.Version, published.Document.Source, published.PublishedAt));
        Assert.Equal(First, await silo.TextAsync());
        Assert.Null(await silo.Grain.GetAsync(1));
    }

    [Fact]
    public async Task SeedAsync_SameFileBySeveralSilosAndAgainLater_PublishesOnce()
    {
        await using var silo = new CatalogSilo(_storage);
        await using var twin = new CatalogSilo(_storage);
        Assert.Null(await twin.Grain.GetAsync(0));

        await silo.SeedAsync(First);
        var byTwin = await twin.SeedAsync(First);
        await using var later = new CatalogSilo(_storage);
        var byLater = await later.SeedAsync(First);

        Assert.Equal((PublishOutcome.Unchanged, 1), (byTwin.Outcome, byTwin.Version));
        Assert.Equal((PublishOutcome.Unchanged, 1), (byLater.Outcome, byLater.Version));
        Assert.Equal(1, _storage.Writes);
    }

    [Fact]
    public async Task SeedAsync_SameFileAfterAnApply_LeavesTheAppliedInForce()
    {
        await using (var silo = new CatalogSilo(_storage))
        {
            await silo.SeedAsync(First);
            Assert.Equal((PublishOutcome.Published, 2), Told(await silo.ApplyAsync(Second)));
        }
        await using var restarted = new CatalogSilo(_storage);
        var answer = await restarted.SeedAsync(First);

        Assert.Equal((PublishOutcome.Unchanged, 2), Told(answer));
        Assert.Equal(Second, await restarted.TextAsync());
        Assert.Equal("applied.json", (await restarted.Grain.GetAsync(1))!.Document.Source);
    }

    [Fact]
    public async Task SeedAsync_OtherFileAfterAnApply_IsPublished()
    {
        await using var silo = new CatalogSilo(_storage);
        await silo.SeedAsync(First);
        await silo.ApplyAsync(Second);

        Assert.Equal((PublishOutcome.Published, 3), Told(await silo.SeedAsync(Third)));
        Assert.Equal(Third, await silo.TextAsync());
    }

    [Fact]
    public async Task SeedAsync_AppliedFirst_IsPublished()
    {
        await using var silo = new CatalogSilo(_storage);
        await silo.ApplyAsync(Second);

        Assert.Equal((PublishOutcome.Published, 2), Told(await silo.SeedAsync(First)));
    }

    [Fact]
    public async Task SeedAsync_Always_PublishesOverAnApplied()
    {
        await using var silo = new CatalogSilo(_storage);
        await silo.SeedAsync(First);
        await silo.ApplyAsync(Second);

        Assert.Equal((PublishOutcome.Published, 3), Told(await silo.SeedAsync(First, always: true)));
        Assert.Equal((PublishOutcome.Unchanged, 3), Told(await silo.SeedAsync(First, always: true)));
    }

    [Fact]
    public async Task SeedAsync_FileEditedToWhatIsInForce_IsNoNewVersionAndIsRemembered()
    {
        await using var silo = new CatalogSilo(_storage);
        await silo.SeedAsync(First);
        await silo.ApplyAsync(Second);

        Assert.Equal((PublishOutcome.Unchanged, 2), Told(await silo.SeedAsync(Second)));
        await silo.ApplyAsync(Third);
        Assert.Equal((PublishOutcome.Unchanged, 3), Told(await silo.SeedAsync(Second)));
        Assert.Equal((PublishOutcome.Published, 4), Told(await silo.SeedAsync(First)));
    }

    [Fact]
    public async Task ApplyAsync_SameTextAgain_IsNoNewVersion()
    {
        await using var silo = new CatalogSilo(_storage);
        await silo.ApplyAsync(First);

        Assert.Equal((PublishOutcome.Unchanged, 1), Told(await silo.ApplyAsync(First)));
        Assert.Equal(1, _storage.Writes);
    }

    [Fact]
    public async Task ApplyAsync_BadText_TellsEveryErrorAndTheOldStays()
    {
        await using var silo = new CatalogSilo(_storage);
        await silo.ApplyAsync(First);
        var bad = Second.Replace("\"context_window\": 100000", "\"context_window\": -1", StringComparison.Ordinal)
            .Replace("\"weight\": 2", "\"weigth\": 2", StringComparison.Ordinal);

        var answer = await silo.ApplyAsync(bad);

        Assert.Equal((PublishOutcome.Refused, 1), Told(answer));
        Assert.Equal(
            [(CatalogText.LineOf(bad, "weigth"), "channels[0].weigth"), (CatalogText.LineOf(bad, "-1,"), "models[0].context_window")],
            answer.Errors.Select(error => (error.Line, error.Path)));
        Assert.Equal(First, await silo.TextAsync());
        Assert.Equal(1, _storage.Writes);
    }

    [Fact]
    public async Task ApplyAsync_TooLarge_IsRefused()
    {
        await using var silo = new CatalogSilo(_storage);

        Assert.Equal((PublishOutcome.Refused, 0), Told(await silo.ApplyAsync(new string(' ', CatalogFile.MaxBytes + 1))));
        Assert.Null(await silo.Grain.GetAsync(0));
    }

    [Fact]
    public async Task ApplyAsync_VariableNotSetInThisProcess_IsPublished()
    {
        await using var silo = new CatalogSilo(_storage, environment: _ => null);

        Assert.Equal(PublishOutcome.Published, (await silo.ApplyAsync(First)).Outcome);
    }

    [Fact]
    public async Task ApplyAsync_PriceThatWasInForceVersionsAgo_NeverHasOtherRates()
    {
        await using (var silo = new CatalogSilo(_storage))
        {
            await silo.ApplyAsync(First);
            await silo.ApplyAsync(CatalogText.With("\"from\": \"2026-01-01T00:00:00Z\",", "\"id\": \"a\", \"from\": \"2026-01-01T00:00:00Z\","));
            await silo.ApplyAsync(CatalogText.With("\"from\": \"2026-01-01T00:00:00Z\",", "\"id\": \"b\", \"from\": \"2026-01-01T00:00:00Z\","));
        }
        await using var restarted = new CatalogSilo(_storage);

        var other = await restarted.ApplyAsync(CatalogText.With("\"input\": 1.5", "\"input\": 1.4"));

        Assert.Equal((PublishOutcome.Refused, 3), Told(other));
        Assert.Contains(other.Errors, error => error.Path == "models[0].prices[0].per_million.input");
        Assert.Equal((PublishOutcome.Published, 4), Told(await restarted.ApplyAsync(First)));
    }

    [Fact]
    public async Task ApplyAsync_PriceInForceMovedIntoTheFuture_StillNeverHasOtherRates()
    {
        await using var silo = new CatalogSilo(_storage);
        var later = First.Replace("2026-01-01T00:00:00Z", "2040-01-01T00:00:00Z", StringComparison.Ordinal);
        await silo.ApplyAsync(First);
        await silo.ApplyAsync(later);

        Assert.Equal(PublishOutcome.Refused, (await silo.ApplyAsync(later.Replace("\"input\": 1.5", "\"input\": 1.4", StringComparison.Ordinal))).Outcome);
    }

    [Fact]
    public async Task ApplyAsync_AnnouncedPrice_MayChangeUntilItsTime()
    {
        await using var silo = new CatalogSilo(_storage);
        string Announced(string input) => First
            .Replace("2026-01-01T00:00:00Z", (silo.Clock.GetUtcNow() + TimeSpan.FromHours(1)).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'"), StringComparison.Ordinal)
            .Replace("\"input\": 1.5", $"\"input\": {input}", StringComparison.Ordinal);
        var (first, second, third) = (Announced("1.5"), Announced("1.6"), Announced("1.7"));
        await silo.ApplyAsync(first);

        Assert.Equal((PublishOutcome.Published, 2), Told(await silo.ApplyAsync(second)));
        silo.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal((PublishOutcome.Refused, 2), Told(await silo.ApplyAsync(third)));
    }

    [Fact]
    public async Task ApplyAsync_TwinWroteMeanwhile_DecidesByWhatIsTrue()
    {
        await using var silo = new CatalogSilo(_storage);
        await silo.SeedAsync(First);
        await using var twin = new CatalogSilo(_storage);
        Assert.Equal(First, await twin.TextAsync());
        await silo.ApplyAsync(Second);

        Assert.Equal((PublishOutcome.Unchanged, 2), Told(await twin.ApplyAsync(Second)));
        Assert.Equal(Second, await twin.TextAsync());
        Assert.Equal((PublishOutcome.Published, 3), Told(await twin.ApplyAsync(Third)));
        Assert.Equal((PublishOutcome.Published, 4), Told(await silo.ApplyAsync(First)));
    }

    [Fact]
    public async Task GetAsync_TwinWroteMeanwhile_IsTrueAfterAWhile()
    {
        await using var silo = new CatalogSilo(_storage);
        await using var twin = new CatalogSilo(_storage);
        await silo.SeedAsync(First);
        await twin.SeedAsync(First);
        await silo.ApplyAsync(Second);
        Assert.Equal(First, await twin.TextAsync());

        twin.Clock.Advance(TimeSpan.FromSeconds(30));

        // Waits for the tick, which GetAsync may overtake.
        Assert.Equal((PublishOutcome.Unchanged, 2), Told(await twin.SeedAsync(First)));
        Assert.Equal(Second, await twin.TextAsync());
    }

    [Fact]
    public async Task ApplyAsync_WriteFails_NothingIsToldThatIsNotStored()
    {
        await using var silo = new CatalogSilo(_storage);
        await silo.SeedAsync(First);
        _storage.Failure = new IOException("The database is away.");

        await Assert.ThrowsAnyAsync<Exception>(() => silo.ApplyAsync(Second));

        Assert.Equal(First, await silo.TextAsync());
        Assert.Equal((PublishOutcome.Published, 2), Told(await silo.ApplyAsync(Second)));
    }

    [Fact]
    public async Task ApplyAsync_AnswerOfTheWriteIsLost_WhatIsStoredIsTold()
    {
        await using var silo = new CatalogSilo(_storage);
        await silo.SeedAsync(First);
        _storage.Failure = new IOException("The connection broke.");
        _storage.IsAnswerLost = true;

        await Assert.ThrowsAnyAsync<Exception>(() => silo.ApplyAsync(Second));

        Assert.Equal(Second, await silo.TextAsync());
        Assert.Equal((PublishOutcome.Unchanged, 2), Told(await silo.ApplyAsync(Second)));
    }

    [Fact]
    public async Task Logs_OfPublishingAndRefusing_HoldNothingOfTheText()
    {
        await using var silo = new CatalogSilo(_storage);
        await silo.SeedAsync(First);
        await silo.ApplyAsync(Second.Replace("\"wee\"", "\"sk-secret 1\"", StringComparison.Ordinal));

        Assert.Contains(silo.Logged, line => line.Contains("version 1 is published, from catalog.json", StringComparison.Ordinal));
        Assert.Contains(silo.Logged, line => line.Contains("from applied.json is refused: 1 errors", StringComparison.Ordinal));
        Assert.DoesNotContain(silo.Logged, line => line.Contains("acme", StringComparison.OrdinalIgnoreCase) || line.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task State_AsItIsStored_IsReadWhole()
    {
        await using var silo = new CatalogSilo(_storage);
        await silo.SeedAsync(First);

        var state = new StateSerializer().Deserialize<CatalogState>(BinaryData.FromString(_storage.Text))!;

        Assert.Equal(_storage.Text, new StateSerializer().Serialize(state).ToString());
        Assert.Equal(["small@1", "small@1#night"], state.Prices.Select(price => price.Price.Id));
        Assert.Equal((64, 50_000), (state.SeedHash!.Length, state.Prices[0].Price.Tiers[0].AboveInputTokens));
    }

    /// <summary>As the first release stored it: whatever the state becomes, this is read.</summary>
    [Fact]
    public void State_StoredByTheFirstRelease_IsRead()
    {
        const string rates = """
            {"input":1,"cached_input":2,"cache_write5m":3,"cache_write1h":4,"audio_input":5,"image_input":6,"output":7,"reasoning":8,"audio_output":9,"image_output":10}
            """;
        var text = $$"""
            {"version":3,"text":"{}","source":"catalog.json","published_at":"2030-01-01T00:00:00+00:00","seed_hash":"ab",
            "prices":[{"price":{"id":"small@1","per_call_nanos":11,"base":{{rates}},"tiers":[{"above_input_tokens":12,"rates":{{rates}}}]},"from":"2026-01-01T00:00:00+00:00"}]}
            """;

        var state = new StateSerializer().Deserialize<CatalogState>(BinaryData.FromString(text))!;

        Assert.Equal((3, "catalog.json", "ab"), (state.Version, state.Source, state.SeedHash));
        Assert.Equal("{}", state.Text);
        var price = state.Prices[0].Price;
        Assert.Equal(("small@1", 3, 10, 12), (price.Id, price.Base[CacheWrite5m], price.Base[ImageOutput], price.Tiers[0].AboveInputTokens));
        Assert.Equal((11_000_000, Units.Tokens | UnitSet.Of(Calls)), (price.Base[Calls], price.Sold));
        Assert.Equal(price.Base, price.Tiers[0].Rates);
    }

    /// <summary>The first release finds in a state of this build whatever it knows.</summary>
    [Fact]
    public async Task State_AsItIsStored_IsReadByTheFirstRelease()
    {
        await using var silo = new CatalogSilo(_storage);
        await silo.SeedAsync(First);

        Assert.Contains(
            """
            {"price":{"id":"small@1","base":{"input":1500000000,"cached_input":150000000,"cache_write5m":1500000000,"cache_write1h":3000000000,"audio_input":1500000000,"image_input":1500000000,"output":6000000000,"reasoning":6000000000,"audio_output":6000000000,"image_output":6000000000,"calls":1000000000000,"cached_audio_input":1500000000,"cached_image_input":1500000000},"tiers":[{"above_input_tokens":50000,
            """,
            _storage.Text,
            StringComparison.Ordinal);
        Assert.Contains("""}],"per_call_nanos":1000000},"from":""", _storage.Text, StringComparison.Ordinal);
    }

    private static (PublishOutcome Outcome, long Version) Told(PublishAnswer answer) => (answer.Outcome, answer.Version);
}
