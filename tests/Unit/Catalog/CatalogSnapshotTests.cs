using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Catalog;

public sealed class CatalogSnapshotTests
{
    [Fact]
    public void Parse_ValidFile_ReadsEveryField()
    {
        var result = CatalogText.Parse(CatalogText.Valid);
        var catalog = Read(result);

        Assert.Empty(result.Warnings);
        var provider = Assert.Single(catalog.Providers);
        Assert.Equal(("acme", "acme", "US"), (provider.Name, provider.DisplayName, provider.Country));
        Assert.Equal("https://api.acme.example/v1/chat/completions", new Uri(provider.BaseUrl!, "chat/completions").AbsoluteUri);
        var channel = Assert.Single(catalog.Channels);
        Assert.True(channel.IsOn);
        Assert.Equal("key-of-acme", channel.Key!.Reveal());
        Assert.Equal((1, 2), (channel.Priority, channel.Weight));
        Assert.Equal(new ClientGonePolicy(true, 30_000, 2_000), channel.OnClientGone);
        Assert.Equal(new ChannelTimes { ConnectMs = 1_000 }, channel.Times);
        var model = Assert.Single(catalog.Models);
        Assert.Equal(1_767_312_000, model.Created);
        Assert.Equal((100_000, 8_000), (model.ContextWindow, model.MaxOutputTokens));
        Assert.Equal((1_500, 100_000, 100_000), (model.ImageTokens, model.AudioTokens, model.FileTokens));
        Assert.Equal(Units.TextTokens | UnitSet.Of(ImageInput, CachedImageInput), model.Kinds);
        Assert.Equal(new Route(channel, "acme-small-2026"), Assert.Single(catalog.RoutesTo(model)));
    }

    [Fact]
    public void Parse_Rates_AreExactAndFillEachOtherIn()
    {
        var price = PriceOf(CatalogText.Valid, "small@1");

        Assert.Equal(
            new Rates
            {
                [Input] = 1_500_000_000,
                [CachedInput] = 150_000_000,
                [CacheWrite5m] = 1_500_000_000,
                [CacheWrite1h] = 3_000_000_000,
                [AudioInput] = 1_500_000_000,
                [ImageInput] = 1_500_000_000,
                [CachedAudioInput] = 1_500_000_000,
                [CachedImageInput] = 1_500_000_000,
                [Output] = 6_000_000_000,
                [Reasoning] = 6_000_000_000,
                [AudioOutput] = 6_000_000_000,
                [ImageOutput] = 6_000_000_000,
                [Calls] = 1_000_000_000_000,
            },
            price.Base);
        Assert.Equal((50_000, 9_000_000_000), (price.Tiers[0].AboveInputTokens, price.Tiers[0].Rates[Reasoning]));
    }

    /// <summary>An hour is twice the input where nothing is said of it, and never cheaper than five minutes.</summary>
    [Theory]
    [InlineData("\"cache_write_5m\": 2", 3_000_000_000)]
    [InlineData("\"cache_write_5m\": 4", 4_000_000_000)]
    [InlineData("\"cache_write_1h\": 1", 1_000_000_000)]
    public void Parse_OneHourWrite_IsTwiceTheInput(string rate, long nanos)
    {
        var text = CatalogText.With("\"output\": 6 }", rate + ", \"output\": 6 }");

        Assert.Equal(nanos, PriceOf(text, "small@1").Base[CacheWrite1h]);
    }

    [Fact]
    public void Parse_CachedMedia_FollowTheirOwnKind()
    {
        var text = CatalogText.With("\"output\": 6 }", "\"audio_input\": 32, \"cached_audio_input\": 0.40, \"image_input\": 5, \"output\": 6 }");
        var rates = PriceOf(text, "small@1").Base;

        Assert.Equal((400_000_000, 5_000_000_000), (rates[CachedAudioInput], rates[CachedImageInput]));
    }

    [Fact]
    public void Parse_UnitsBeyondTokens_AreExactInEveryTierAndWindow()
    {
        var text = CatalogText.With("\"output\": 6 },", "\"output\": 6, \"characters\": 15 }, \"per_second\": 0.0001, \"per_image\": \"0.042000001\",");
        var (price, night) = (PriceOf(text, "small@1"), PriceOf(text, "small@1#night"));

        Assert.Equal(Units.Tokens | UnitSet.Of(Calls, Seconds, Characters, Images), price.Sold);
        Assert.Equal((100_000_000_000, 15_000_000_000, 42_000_001_000_000), (price.Base[Seconds], price.Base[Characters], price.Base[Images]));
        Assert.Equal((50_000_000_000, 7_500_000_000, 21_000_000_500_000), (night.Base[Seconds], night.Base[Characters], night.Base[Images]));
        Assert.All([Calls, Seconds, Characters, Images], unit => Assert.Equal(price.Base[unit], price.Tiers[0].Rates[unit]));
        Assert.Null(price.Base[Searches]);
        Assert.Null(price.Tiers[0].Rates[Searches]);
    }

    [Fact]
    public void Parse_WindowWithItsOwnPrices_HasThoseAlone()
    {
        const string Own = """{ "name": "night", "from": "22:00", "to": "06:00", "per_million": { "input": 1, "output": 2 }, "tiers": [], "per_search": 0.02 },""";
        var text = CatalogText.With("{ \"name\": \"night\", \"from\": \"22:00\", \"to\": \"06:00\", \"multiplier\": 0.5 },", Own);
        var night = PriceOf(text, "small@1#night");

        Assert.Equal((1_000_000_000, 0, 20_000_000_000_000), (night.Base[Input], night.Base[Calls], night.Base[Searches]));
        Assert.Null(PriceOf(text, "small@1").Base[Searches]);
    }

    [Fact]
    public void FindModel_IdAliasOther_FindsTheModelOrNothing()
    {
        var catalog = Read(CatalogText.Parse(CatalogText.Valid));

        Assert.Equal("small", catalog.FindModel("small")!.Id);
        Assert.Equal("small", catalog.FindModel("tiny")!.Id);
        Assert.Null(catalog.FindModel("Small"));
    }

    [Theory]
    [InlineData("2026-11-21T21:59:59Z", "small@1")]
    [InlineData("2026-11-21T22:00:00Z", "small@1#night")]
    [InlineData("2026-11-22T05:59:59Z", "small@1#night")]
    [InlineData("2026-11-22T06:00:00Z", "small@1")]
    [InlineData("2026-11-22T01:30:00+05:00", "small@1")]
    public void PriceFor_WindowAcrossMidnight_HoldsFromItsStartToBeforeItsEnd(string now, string priceId)
    {
        var catalog = Read(CatalogText.Parse(CatalogText.Valid));

        Assert.Equal(priceId, catalog.PriceFor(catalog.Models[0], DateTimeOffset.Parse(now))!.Id);
    }

    [Theory]
    [InlineData("2026-11-20T23:00:00Z", "small@1#night")] // Friday
    [InlineData("2026-11-21T05:00:00Z", "small@1#night")] // the night that began on Friday
    [InlineData("2026-11-21T23:00:00Z", "small@1")] // Saturday
    [InlineData("2026-11-22T05:00:00Z", "small@1")]
    [InlineData("2026-11-22T23:00:00Z", "small@1#night")] // Sunday
    [InlineData("2026-11-23T05:00:00Z", "small@1#night")] // across the end of the week
    public void PriceFor_WindowOnDays_CountsTheDayOnWhichItBegins(string now, string priceId)
    {
        var catalog = Read(CatalogText.Parse(CatalogText.With("\"to\": \"06:00\"", "\"to\": \"06:00\", \"days\": [\"fri\", \"sun\"]")));

        Assert.Equal(priceId, catalog.PriceFor(catalog.Models[0], DateTimeOffset.Parse(now))!.Id);
    }

    [Fact]
    public void PriceFor_WholeDayWindow_HoldsAllDay()
    {
        var text = CatalogText.With("\"from\": \"22:00\", \"to\": \"06:00\"", "\"from\": \"00:00\", \"to\": \"24:00\", \"days\": [\"sat\"]");
        var catalog = Read(CatalogText.Parse(text));

        Assert.Equal("small@1#night", catalog.PriceFor(catalog.Models[0], CatalogText.Now)!.Id);
        Assert.Equal("small@1", catalog.PriceFor(catalog.Models[0], CatalogText.Now.AddDays(1))!.Id);
    }

    [Fact]
    public void PriceFor_Multiplier_AppliesToRatesTiersAndCalls()
    {
        var price = PriceOf(CatalogText.Valid, "small@1#night");

        Assert.Equal((750_000_000, 75_000_000, 3_000_000_000), (price.Base[Input], price.Base[CachedInput], price.Base[Output]));
        Assert.Equal((50_000, 1_500_000_000), (price.Tiers[0].AboveInputTokens, price.Tiers[0].Rates[Input]));
        Assert.Equal(500_000_000_000, price.Base[Calls]);
    }

    [Fact]
    public void PriceFor_AnnouncedVersion_HoldsFromItsTime()
    {
        const string Second = """{ "from": "2026-12-01T00:00:00+01:00", "per_million": { "input": 2, "output": 8 } },""";
        var catalog = Read(CatalogText.Parse(CatalogText.With("\"2026-01-01\",\n        },\n      ],", $"\"2026-01-01\",\n        }},\n{Second}],")));
        var change = new DateTimeOffset(2026, 11, 30, 23, 0, 0, TimeSpan.Zero);

        Assert.Equal("small@1#night", catalog.PriceFor(catalog.Models[0], change.AddTicks(-1))!.Id);
        Assert.Equal("small@2", catalog.PriceFor(catalog.Models[0], change)!.Id);
    }

    [Fact]
    public void PriceFor_OnlyAnAnnouncedPrice_IsNoneAndWarned()
    {
        var result = CatalogText.Parse(CatalogText.With("\"from\": \"2026-01-01T00:00:00Z\"", "\"from\": \"2027-01-01T00:00:00Z\""));
        var catalog = Read(result);

        Assert.Null(catalog.PriceFor(catalog.Models[0], CatalogText.Now));
        Assert.Equal("models[0].prices", Assert.Single(result.Warnings).Path);
    }

    [Fact]
    public void RoutesTo_SeveralChannels_AreByPriorityThenWeight()
    {
        static string Channel(string name, int priority, int weight, bool isEnabled = true) => $$"""
            { "name": "{{name}}", "provider": "acme", "key_env": null, "models": ["small"], "priority": {{priority}},
              "weight": {{weight}}, "enabled": {{(isEnabled ? "true" : "false")}} },
            """;
        var text = CatalogText.With(
            "\"channels\": [",
            $"\"channels\": [{Channel("spare", 2, 9)}{Channel("light", 1, 1)}{Channel("heavy", 1, 5)}{Channel("off", 0, 9, false)}");
        var catalog = Read(CatalogText.Parse(text));

        Assert.Equal(["heavy", "acme-1", "light", "spare"], catalog.RoutesTo(catalog.Models[0]).Select(route => route.Channel.Name));
    }

    [Fact]
    public void Parse_KeyNotSet_TurnsTheChannelOffWithAWarning()
    {
        var result = CatalogText.Parse(CatalogText.Valid, environment: _ => " ");
        var catalog = Read(result);

        Assert.False(catalog.Channels[0].IsOn);
        Assert.Null(catalog.Channels[0].Key);
        Assert.Empty(catalog.RoutesTo(catalog.Models[0]));
        Assert.Equal(["channels[0].key_env", "models[0]"], result.Warnings.Select(warning => warning.Path));
        Assert.Contains("ACME_KEY", result.Warnings[0].Message);
    }

    [Fact]
    public void Parse_AddressFromEnvironment_IsRead()
    {
        var text = CatalogText.With("\"base_url\": \"https://api.acme.example/v1\"", "\"base_url_env\": \"ACME_URL\"");
        var set = Read(CatalogText.Parse(text, environment: name => name == "ACME_URL" ? "http://127.0.0.1:5123/v1" : "key"));
        var unset = Read(CatalogText.Parse(text));

        Assert.Equal("http://127.0.0.1:5123/v1/", set.Providers[0].BaseUrl!.AbsoluteUri);
        Assert.Null(unset.Providers[0].BaseUrl);
        Assert.False(unset.Channels[0].IsOn);
    }

    [Fact]
    public void Parse_InsecureAddress_NeedsToBeAllowed()
    {
        var text = CatalogText.With("\"base_url\": \"https://api.acme.example/v1\"", "\"base_url\": \"http://10.0.0.7/v1\", \"allow_insecure\": true");

        Assert.Equal("http://10.0.0.7/v1/", Read(CatalogText.Parse(text)).Providers[0].BaseUrl!.AbsoluteUri);
    }

    [Fact]
    public void ToString_ChannelWithKey_DoesNotShowIt()
    {
        var channel = Read(CatalogText.Parse(CatalogText.Valid)).Channels[0];

        Assert.DoesNotContain("key-of-acme", channel.ToString());
        Assert.Equal("(provider key)", channel.Key!.ToString());
    }

    private static Price PriceOf(string text, string id) =>
        Read(CatalogText.Parse(text)).Prices.Single(price => price.Price.Id == id).Price;

    internal static CatalogSnapshot Read(CatalogResult result)
    {
        Assert.Empty(result.Errors);
        return result.Snapshot!;
    }

    /// <summary>A factor holds for tokens and in every window; a list of its own holds as it is.</summary>
    [Fact]
    public void ServiceTiers_FactorAndOwnPrices_AreReadWithTheirIds()
    {
        var catalog = Read(CatalogText.Parse(CatalogText.With(
            "\"per_call\"",
            """
            "service_tiers": { "flex": 0.5, "fast": { "per_million": { "input": 9, "output": 90 } } }, "per_call"
            """)));
        var version = catalog.Models[0].Prices[0];

        foreach (var price in version.Windows.Select(window => window.Price).Prepend(version.Price))
        {
            var (flex, fast) = (price.ForService("flex")!, price.ForService("fast")!);
            Assert.Equal(($"{price.Id}#flex", $"{price.Id}#fast"), (flex.Id, fast.Id));
            Assert.Equal(price.Base[Output] / 2, flex.Base[Output]);
            Assert.Equal(90_000_000_000, fast.Base[Output]);
            Assert.Equal(price.Base[Calls], flex.Base[Calls]);
            Assert.Equal(price.Base[Calls], fast.Base[Calls]);
            Assert.Equal(price.Sold, fast.Sold);
            Assert.Null(price.ForService("priority"));
        }

        Assert.Equal(6, catalog.Prices.Select(known => known.Price.Id).Distinct().Count());
    }
}
